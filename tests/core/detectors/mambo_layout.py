"""The tensors of the authors' MamBo checkpoints, names and shapes, typed from the description."""

Shapes = dict[str, tuple[int, ...]]

MIXERS = {
    "hydra": """in_proj.weight 776 128; conv1d.weight 512 1 7; conv1d.bias 512; dt_bias 4;
        A_log 4; D 4; fc_D.weight 4 256; norm.weight 256; out_proj.weight 128 256""",
    "mamba2": """in_proj.weight 644 128; conv1d.weight 384 1 4; conv1d.bias 384; dt_bias 4;
        A_log 4; D 4; norm.weight 256; out_proj.weight 128 256""",
    "mamba": """in_proj.weight 512 128; conv1d.weight 256 1 4; conv1d.bias 256;
        x_proj.weight 40 256; dt_proj.weight 256 8; dt_proj.bias 256; A_log 256 16; D 256;
        out_proj.weight 128 256""",
    "gdn": """q_proj.weight 128 128; k_proj.weight 128 128; v_proj.weight 256 128;
        g_proj.weight 256 128; a_proj.weight 4 128; b_proj.weight 4 128; A_log 4; dt_bias 4;
        q_conv1d.weight 128 1 4; k_conv1d.weight 128 1 4; v_conv1d.weight 256 1 4;
        o_norm.weight 64; o_proj.weight 128 256""",
    "mlp": "w1_w3_combined.weight 682 128; w2_out.weight 128 341",
    "mha": """in_proj.weight 384 128; in_proj.bias 384; conv1d.weight 384 1 4; conv1d.bias 384;
        out_proj.weight 128 128; out_proj.bias 128""",
}
AROUND = """input_proj.input_proj.weight 128 16; input_proj.norm.weight 128;
    stacked_mamba2.layers.norm.weight 128; attention_pool.gate_value_proj.weight 682 128;
    attention_pool.to_score.weight 1 341; classifier.weight 2 128; classifier.bias 2"""
LAYER = """attention.k_proj.weight 16 16; attention.k_proj.bias 16; attention.v_proj.weight 16 16;
    attention.v_proj.bias 16; attention.q_proj.weight 16 16; attention.q_proj.bias 16;
    attention.out_proj.weight 16 16; attention.out_proj.bias 16; layer_norm.weight 16;
    layer_norm.bias 16; feed_forward.intermediate_dense.weight 32 16;
    feed_forward.intermediate_dense.bias 32; feed_forward.output_dense.weight 16 32;
    feed_forward.output_dense.bias 16; final_layer_norm.weight 16; final_layer_norm.bias 16"""
STEM = "conv.weight 8 {inputs} {taps}; conv.bias 8; layer_norm.weight 8; layer_norm.bias 8"
SPEECH = """encoder.feature_projection.layer_norm.weight 8;
    encoder.feature_projection.layer_norm.bias 8;
    encoder.feature_projection.projection.weight 16 8;
    encoder.feature_projection.projection.bias 16;
    encoder.transformer.pos_conv_embed.conv.bias 16;
    encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original0 1 1 16;
    encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original1 16 4 16;
    encoder.transformer.layer_norm.weight 16; encoder.transformer.layer_norm.bias 16"""


def parsed(table: str, under: str = "") -> Shapes:
    rows = (row.split() for row in table.split(";"))
    return {f"{under}{name}": tuple(int(size) for size in sizes) for name, *sizes in rows}


def head_shapes(kinds: tuple[str, ...]) -> Shapes:
    """All but XLS-R, over a backbone 16 wide."""
    shapes = parsed(AROUND)
    for block, kind in enumerate(kinds):
        own = kind if kind in ("gdn", "mlp", "mha") else "mamba"
        here = f"stacked_mamba2.layers.layers.{block}."
        shapes |= {f"{here}norm.weight": (128,)} | parsed(MIXERS[kind], f"{here}{own}.")
    return shapes


def speech_shapes(layers: int) -> Shapes:
    """torchaudio's names of a small XLS-R: 16 wide, stem 8 wide."""
    top = "feature_extractor.model.model."
    shapes = parsed(SPEECH, top)
    for layer in range(layers):
        shapes |= parsed(LAYER, f"{top}encoder.transformer.layers.{layer}.")
    for conv, taps in enumerate((10, 3, 3, 3, 3, 2, 2)):
        stem = STEM.format(inputs=8 if conv else 1, taps=taps)
        shapes |= parsed(stem, f"{top}feature_extractor.conv_layers.{conv}.")
    return shapes
