"""An attack zoo: small neural vocoders and codecs, trained on human speech, that copy human speech.

What a codec language model, a diffusion model or a TTS system says leaves it through a decoder such
as these. Each kind (`generators.KINDS`) is trained for a given time on the human clips of train
(`fit`), then every human clip is copied through it (`copies`): the same words in the same voice,
machine-made, so that detectors learn the difference and not the page it came from.
"""
