"""What a file is, by its first bytes and its codec's name. Nothing is decoded here."""

import struct
from typing import BinaryIO

HEAD = 4096  # bytes that are enough for `kind_of`

# what libsndfile may read; its other formats are rare, lenient about junk, or look beside the file
SOUNDFILE_CONTAINERS = frozenset(
    {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3", "NIST", "VOC"}
)
SOUNDFILE_CODECS = {
    "PCM_S8": "PCM 8 bit",
    "PCM_U8": "PCM 8 bit",
    "PCM_16": "PCM 16 bit",
    "PCM_24": "PCM 24 bit",
    "PCM_32": "PCM 32 bit",
    "FLOAT": "PCM float 32 bit",
    "DOUBLE": "PCM float 64 bit",
    "ALAW": "A-law",
    "ULAW": "mu-law",
    "IMA_ADPCM": "IMA ADPCM",
    "MS_ADPCM": "MS ADPCM",
    "GSM610": "GSM 06.10",
    "G721_32": "G.721 ADPCM",
    "VORBIS": "Vorbis",
    "OPUS": "Opus",
    "MPEG_LAYER_I": "MP1",
    "MPEG_LAYER_II": "MP2",
    "MPEG_LAYER_III": "MP3",
    "ALAC_16": "ALAC",
    "ALAC_20": "ALAC",
    "ALAC_24": "ALAC",
    "ALAC_32": "ALAC",
}
# ffmpeg's names, as people say them
FFMPEG_CODECS = {
    "aac": "AAC",
    "mp3": "MP3",
    "mp2": "MP2",
    "vorbis": "Vorbis",
    "opus": "Opus",
    "flac": "FLAC",
    "alac": "ALAC",
    "amr_nb": "AMR-NB",
    "amr_wb": "AMR-WB",
    "wmav1": "WMA 1",
    "wmav2": "WMA 2",
    "wmapro": "WMA Pro",
    "wmavoice": "WMA Voice",
    "wmalossless": "WMA Lossless",
    "ac3": "AC-3",
    "eac3": "E-AC-3",
    "pcm_alaw": "A-law",
    "pcm_mulaw": "mu-law",
    "gsm": "GSM 06.10",
    "gsm_ms": "GSM 06.10",
    "speex": "Speex",
    "g722": "G.722",
    "adpcm_g722": "G.722",
    "adpcm_g726": "G.726",
    "ape": "Monkey's Audio",
    "wavpack": "WavPack",
    "tta": "TTA",
}
# what ffmpeg may take a file for: containers that hold their own sound. No playlists (hls, concat,
# dash), no pictures, no devices, nothing that names other files
DEMUXERS = (
    "mov,matroska,avi,asf,ogg,flac,wav,w64,aiff,au,caf,mp3,aac,loas,ac3,eac3,amr,amrnb,amrwb,"
    "mpegts,mpeg,flv,ape,wv,tta,tak,dsf,iff,voc,gsm,g722,g726,nist,sds,xwma,dts,truehd"
)
CONTAINERS = {"asf": "ASF (WMA)", "mpegts": "MPEG-TS", "wv": "WavPack"}
WITHOUT_LENGTH = {"aac", "mp3", "amr", "ac3", "eac3", "mpegts", "mpeg", "loas", "g722"}
LOSSLESS = frozenset({"FLAC", "ALAC", "WMA Lossless", "Monkey's Audio", "WavPack", "TTA", "DSD"})


def codec_name(ffmpeg_name: str) -> str:
    """A codec as people call it, from ffmpeg's name for it."""
    if ffmpeg_name in FFMPEG_CODECS:
        return FFMPEG_CODECS[ffmpeg_name]
    if ffmpeg_name.startswith("pcm_"):
        kind = ffmpeg_name.split("_")[1]
        bits = "".join(c for c in kind if c.isdigit())
        return f"PCM {'float ' if kind.startswith('f') else ''}{bits} bit"
    return ffmpeg_name.upper() or "unknown"


def container_name(ffmpeg_names: str, head: bytes) -> str:
    """A container as people call it, from ffmpeg's comma-separated names and the first bytes."""
    first = ffmpeg_names.split(",")[0]
    if first == "mov":
        return kind_of(head) or "MP4"
    if first == "matroska":
        return "WebM" if b"webm" in head[:80] else "Matroska"
    return CONTAINERS.get(first, first.upper())


def keeps_length(ffmpeg_names: str) -> bool:
    """Whether such a container says how long it is; of others ffmpeg gives only an estimate."""
    return not WITHOUT_LENGTH & set(ffmpeg_names.split(","))


def is_lossy(codec: str) -> bool:
    """Whether `codec`, as `codec_name` says it, changes the sound."""
    return codec not in LOSSLESS and not codec.startswith("PCM")


_BRANDS = {b"M4A": "M4A", b"3gp": "3GP", b"3g2": "3G2", b"qt ": "QuickTime (MOV)", b"M4V": "MP4"}
_MAGIC = (
    (b"fLaC", "FLAC"),
    (b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (WMA)"),
    (b"#!AMR", "AMR"),
    (b"caff", "Core Audio (CAF)"),
    (b"ID3", "MP3"),
    (b"\x0b\x77", "AC-3"),
    (b".snd", "AU"),
    (b"riff\x2e\x91\xcf\x11", "W64"),
    (b"FLV", "Flash video"),
    (b"MAC ", "Monkey's Audio"),
    (b"wvpk", "WavPack"),
    (b"\x00\x00\x01\xba", "MPEG video"),
)


def kind_of(head: bytes) -> str | None:
    """What a file with these first bytes calls itself; None where it is nothing known."""
    inside = {
        b"ftyp": _BRANDS.get(head[8:11], "MP4"),
        b"moov": "QuickTime (MOV)",
        b"mdat": "QuickTime (MOV)",
        b"wide": "QuickTime (MOV)",
    }
    riff = {b"WAVE": "WAV", b"AVI ": "AVI", b"AIFF": "AIFF", b"AIFC": "AIFF"}
    if head[4:8] in inside:
        return inside[head[4:8]]
    if head[:4] in (b"RIFF", b"RF64", b"FORM"):
        return riff.get(head[8:12])
    if head[:4] == b"OggS":
        inner = (("FLAC", b"FLAC"), ("Opus", b"OpusHead"), ("Vorbis", b"vorbis"))
        return next((f"Ogg {name}" for name, mark in inner if mark in head[:80]), "Ogg")
    if len(head) > 188 and head[0] == head[188] == 0x47:
        return "MPEG-TS"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC"
    return next((name for mark, name in _MAGIC if head.startswith(mark)), None)


def declared_bytes(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """(sound bytes the header promises, sound bytes the file has), for WAV, AIFF and AU.

    libsndfile mends a header that promises more than the file holds and says nothing; this says
    it. None where the header promises nothing: other formats, streamed files with a placeholder.
    """
    file.seek(0)
    head = file.read(12)
    if head[:4] == b".snd" and len(head) == 12:
        offset, promised = struct.unpack(">II", head[4:])
        return None if promised == 0xFFFFFFFF else (promised, max(size - offset, 0))
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _chunk(file, size, b"data", "<I")
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return _chunk(file, size, b"SSND", ">I")
    return None


def _chunk(file: BinaryIO, size: int, name: bytes, order: str) -> tuple[int, int] | None:
    position = 12
    for _ in range(1000):  # a hostile file could hold a million empty chunks
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return None
        (length,) = struct.unpack(order, head[4:])
        if head[:4] == name:
            placeholder = length == 0 or length >= 0x7FFFF000
            return None if placeholder else (length, size - position - 8)
        position += 8 + length + length % 2
    return None
