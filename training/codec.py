"""A compact EnCodec for QAF-Static, trained on human speech of the corpus for reconstruction.

The published EnCodec is trained for weeks, with discriminators; this one for some minutes, with
the distance of log spectra at three resolutions and of waveforms, and the commitment of the
latents to their codes. Codebooks are moving means of the latents that chose them (as in EnCodec);
entries that nobody chooses are put on latents of the batch.

Latents are brought to mean 0 and variance 1 on their way to the codebooks, each dimension over the
batch, and what that did is folded into the encoder's last layer afterwards. Without it a short
training ends in latents that hardly depend on the sound: an LSTM that swings by itself, six hundred
times as far as speech moves it, and a first codebook that tells the time.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.backbones import Codec, CodecConfig
from training.data import Audio

DECAY = 0.97  # of the codebooks' moving means, a step
COMMITMENT = 0.25
SECONDS = 1.0


def nearest(latents: Tensor, book: Tensor) -> Tensor:
    """The entry of `book` (entries, width) nearest to each of `latents` (cells, width): (cells,).

    Distances are taken around the middle of the book: far from zero, squared distances are
    differences of large numbers, and rounding would decide.
    """
    middle = book.mean(0)
    return torch.cdist(latents - middle, book - middle).argmin(1)


class Codebooks:
    """Residual vector quantisation whose entries follow the latents."""

    def __init__(self, codec: Codec) -> None:
        self.layers = codec.model.quantizer.layers
        shape = codec.codebooks().shape
        self.counts = torch.ones(shape[:2])
        self.sums = torch.zeros(shape)
        self.started = False

    @torch.no_grad()
    def quantise(self, latent: Tensor, *, move: bool) -> Tensor:
        """Latents (cells, width) -> their nearest sums of codes; `move` lets the entries follow."""
        left, total = latent.detach().float(), torch.zeros_like(latent, dtype=torch.float32)
        for index, layer in enumerate(self.layers):
            book = layer.codebook.embed
            if not self.started:
                chosen = torch.randint(len(left), (len(book),))
                book.copy_(left[chosen] + 0.01 * left.std() * torch.randn_like(book))
                self.sums[index] = book
            code = nearest(left, book)
            if move:
                self._move(index, book, left, code)
            chosen_vectors = book[code]
            total, left = total + chosen_vectors, left - chosen_vectors
        self.started = True
        return total

    def _move(self, index: int, book: Tensor, left: Tensor, code: Tensor) -> None:
        count = torch.bincount(code, minlength=len(book)).float()
        self.counts[index].mul_(DECAY).add_(count, alpha=1 - DECAY)
        summed = torch.zeros_like(book).index_add_(0, code, left)
        self.sums[index].mul_(DECAY).add_(summed, alpha=1 - DECAY)
        book.copy_(self.sums[index] / self.counts[index, :, None].clamp_min(1e-3))
        dead = (self.counts[index] < 0.02).nonzero()[:, 0]
        if len(dead):
            book[dead] = left[torch.randint(len(left), (len(dead),))]
            self.counts[index, dead], self.sums[index, dead] = 1.0, book[dead]


def spectral_distance(made: Tensor, heard: Tensor) -> Tensor:
    """Mean distance of log magnitudes at three resolutions; waveforms (batch, samples)."""
    total = made.new_zeros(())
    for size in (256, 512, 2048):
        window = torch.hann_window(size)
        ours, theirs = (
            torch.stft(x, size, size // 4, window=window, return_complex=True).abs()
            for x in (made, heard)
        )
        total = total + functional.l1_loss((ours + 1e-3).log(), (theirs + 1e-3).log())
        total = total + functional.l1_loss(ours, theirs)
    return total / 3


def train_codec(
    audio: Audio, config: CodecConfig, seconds: float, log: Path, seed: int = 20_261, batch: int = 4
) -> tuple[Codec, list[dict[str, float]]]:
    """Train for so many seconds of this machine's time; the curve goes to `log` as JSON.

    Returns the codec without its decoder, and the curve.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    codec = Codec(replace(config, decoder=True))
    human = [i for i, item in enumerate(audio.items) if item.label == "bonafide"]
    books, curve = Codebooks(codec), list[dict[str, float]]()
    norm = nn.BatchNorm1d(config.width, affine=False)
    optimiser = torch.optim.Adam(codec.model.parameters(), 8e-4, betas=(0.8, 0.99))
    started, step, recent = time.monotonic(), 0, list[float]()
    while (spent := time.monotonic() - started) < seconds:
        for group in optimiser.param_groups:
            group["lr"] = (
                8e-4 * min(1.0, (step + 1) / 20) * (0.5 + 0.5 * math.cos(math.pi * spent / seconds))
            )
        wave = codec.resample(_pieces(audio, human, rng, batch))
        latent = norm(codec.model.encoder(wave[:, None]))  # (batch, width, frames)
        flat = latent.transpose(1, 2).flatten(0, 1)
        code = books.quantise(flat, move=True)
        commit = functional.mse_loss(flat, code)
        straight = (flat + (code - flat).detach()).view(batch, -1, flat.shape[1]).transpose(1, 2)
        made = codec.model.decoder(straight)[:, 0, : wave.shape[1]]
        distance = spectral_distance(made, wave[:, : made.shape[1]])
        loss = distance + functional.l1_loss(made, wave[:, : made.shape[1]]) + COMMITMENT * commit
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.model.parameters(), 1.0)
        optimiser.step()
        step += 1
        recent.append(float(distance.detach()))
        if step % 25 == 0:
            curve.append(
                {"step": step, "seconds": round(spent), "distance": float(np.mean(recent))}
            )
            recent.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
    fold(norm, codec)
    plain = Codec(config)
    own = plain.state_dict()
    plain.load_state_dict({k: v for k, v in codec.state_dict().items() if k in own})
    return plain, curve


@torch.no_grad()
def fold(norm: nn.BatchNorm1d, codec: Codec) -> None:
    """Let the last layer of the encoder do what `norm` does to its latents."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None  # noqa: PT018, S101 - as it tracks them
    last, scale = codec.model.encoder.layers[-1].conv, (variance + norm.eps).rsqrt()
    last.parametrizations.weight.original0.mul_(scale[:, None, None])
    last.bias.sub_(mean).mul_(scale)


def _pieces(audio: Audio, members: Sequence[int], rng: np.random.Generator, count: int) -> Tensor:
    """Random pieces of human speech at a root mean square of 0.1."""
    length = int(SECONDS * 16_000)
    pieces = []
    for index in rng.choice(members, count):
        clip = audio.read(int(index)).astype(np.float32) / 32_768
        start = int(rng.integers(max(len(clip) - length, 0) + 1))
        piece = np.resize(clip[start : start + length], length)
        pieces.append(piece * (0.1 / (float(np.sqrt(np.mean(piece**2))) + 1e-4)))
    return torch.from_numpy(np.stack(pieces)).clamp(-1, 1)


@torch.no_grad()
def settle(codec: Codec, audio: Audio, seed: int, clips: int = 240, rounds: int = 8) -> None:
    """Put each codebook where its residuals lie, by k-means over latents of all kinds of speech.

    The moving means of a short training leave most entries of the first codebooks unused.

    Latents are centred first, by the last bias of the encoder: after a short training they differ
    by hundredths around a mean of size 1.8, and where squared distances are differences of large
    numbers, the nearest entry is a matter of rounding, another one on every processor and in every
    batch. A decoder, if there is one, is not told.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    latents = []
    for _ in range(clips // 8):
        wave = codec.resample(_pieces(audio, range(len(audio.items)), rng, 8))
        latents.append(codec.model.encoder(wave[:, None]).transpose(1, 2).flatten(0, 1))
    left = torch.cat(latents)
    middle = left.mean(0)
    codec.model.encoder.layers[-1].conv.bias.sub_(middle)
    left = left - middle
    for layer in codec.model.quantizer.layers:
        book = left[torch.randperm(len(left))[: len(layer.codebook.embed)]].clone()
        for _ in range(rounds):
            code = nearest(left, book)
            count = torch.bincount(code, minlength=len(book)).float()
            sums = torch.zeros_like(book).index_add_(0, code, left)
            book = torch.where(count[:, None] > 0, sums / count.clamp_min(1)[:, None], book)
        layer.codebook.embed.copy_(book)
        left = left - book[nearest(left, book)]
