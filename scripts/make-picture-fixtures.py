#!/usr/bin/env python3
"""Makes tests/data/pictures: small pictures of every kind that must be read, and what they show.

The expected colours come from Pillow (libjpeg, libtiff, libwebp) and its ImageCms (LittleCMS), or,
where Pillow cannot read a kind, from the colours the file was built of. Nothing comes from
stylecast. Run with Pillow 12 or newer and NumPy:

    python3 scripts/make-picture-fixtures.py
"""

import io
import itertools
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

OUT = Path(__file__).resolve().parent.parent / "tests" / "data" / "pictures"
SRGB = ImageCms.createProfile("sRGB")
expected = {}

# Eight patches of 8×8 pixels (a JPEG block each), four in a row, all different.
PATCHES = [
    (200, 30, 40), (40, 160, 60), (30, 60, 190), (230, 210, 50),
    (120, 120, 120), (250, 250, 250), (90, 40, 120), (20, 20, 25),
]  # fmt: skip
CENTRES = [(8 * (i % 4) + 4, 8 * (i // 4) + 4) for i in range(8)]


def patches(colors, mode):
    """A 32×16 picture of eight patches."""
    image = Image.new(mode, (32, 16))
    for i, color in enumerate(colors):
        image.paste(color, (8 * (i % 4), 8 * (i // 4), 8 * (i % 4) + 8, 8 * (i // 4) + 8))
    return image


def expect(name, rgb, tolerance):
    """Notes what `name` shows, at the middle of each of its 8×8 patches."""
    pixels = []
    for y in range(4, rgb.height, 8):
        for x in range(4, rgb.width, 8):
            pixels.append([x, y, *rgb.getpixel((x, y))])
    expected[name] = {"size": [rgb.width, rgb.height], "tolerance": tolerance, "pixels": pixels}


def over_white(rgba):
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def from_values(colors):
    return patches([tuple(c) for c in colors], "RGB")


# --- ICC profiles (ICC.1:2001-04 and ICC.1:2010), built here so that no file is borrowed ----------


def s15f16(values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def profile(space, pcs, device_class, version, tags):
    """A profile of `tags` (name → data)."""
    text = b"no copyright, made for tests"
    tags = {
        "desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78),
        "cprt": b"text\0\0\0\0" + text + b"\0",
        "wtpt": b"XYZ \0\0\0\0" + s15f16([0.9642, 1.0, 0.8249]),
        **tags,
    }
    table, body = b"", b""
    offset = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name.encode() + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    total = offset + len(body)
    header = struct.pack(">I4sI4s4s4s", total, b"\0\0\0\0", version << 24, device_class, space, pcs)
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += s15f16([0.9642, 1.0, 0.8249])
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def rgb_profile(red, green, blue, curve):
    """A matrix profile; primaries as XYZ adapted to D50."""
    xyz = {n: b"XYZ \0\0\0\0" + s15f16(v) for n, v in (("rXYZ", red), ("gXYZ", green), ("bXYZ", blue))}
    curves = {name: curve for name in ("rTRC", "gTRC", "bTRC")}
    return profile(b"RGB ", b"XYZ ", b"mntr", 2, {**xyz, **curves})


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def table(function, entries=1024):
    values = [round(65535 * function(i / (entries - 1))) for i in range(entries)]
    return b"curv\0\0\0\0" + struct.pack(f">I{entries}H", entries, *values)


def srgb_linear(v):
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


# D50-adapted primaries as published in Apple's "Display P3" and Adobe's "Adobe RGB (1998)" profiles.
DISPLAY_P3 = rgb_profile(
    [0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189], [0.15710, 0.06657, 0.78407], table(srgb_linear)
)
ADOBE_RGB = rgb_profile(
    [0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457], gamma(2.19921875)
)
GRAY_18 = profile(b"GRAY", b"XYZ ", b"mntr", 2, {"kTRC": gamma(1.8)})


def lab16(rgb):
    """sRGB in 0..1 to the 16-bit Lab of version 2 profiles, D50."""
    linear = np.array([srgb_linear(v) for v in rgb])
    to_d50 = np.array([[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]])
    xyz = to_d50 @ linear / np.array([0.9642, 1.0, 0.8249])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    lab = 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    return [round(lab[0] * 652.8), round((lab[1] + 128) * 256), round((lab[2] + 128) * 256)]


def print_profile():
    """Four inks that darken each other by multiplication, on a grid of 5 steps each."""
    inks = np.array([[0.0, 0.6, 0.9], [0.85, 0.05, 0.5], [1.0, 0.9, 0.1], [0.12, 0.1, 0.1]])
    grid = []
    for amounts in itertools.product(np.linspace(0, 1, 5), repeat=4):
        grid += lab16(np.prod([1 - a * (1 - ink) for a, ink in zip(amounts, inks)], axis=0))
    straight = [0, 65535]
    lut = b"mft2\0\0\0\0" + bytes([4, 3, 5, 0]) + s15f16([1, 0, 0, 0, 1, 0, 0, 0, 1]) + struct.pack(">HH", 2, 2)
    lut += struct.pack(f">{len(straight) * 4}H", *straight * 4)
    lut += struct.pack(f">{len(grid)}H", *grid) + struct.pack(f">{len(straight) * 3}H", *straight * 3)
    return profile(b"CMYK", b"Lab ", b"prtr", 2, {"A2B0": lut})


def managed(image, icc):
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")


# --- TIFF kinds that Pillow does not write ----------------------------------------------------------


def tiff(name, width, height, bits, photometric, data, order="<", planar=1, big=False, extra=None, more=()):
    """An uncompressed TIFF (or BigTIFF) of one strip a plane."""
    planes = [data] if planar == 1 else data
    entries = {256: (4, [width]), 257: (4, [height]), 258: (3, bits), 259: (3, [1]), 262: (3, [photometric])}
    entries |= {277: (3, [len(bits)]), 278: (4, [height]), 284: (3, [planar])}
    entries |= {279: (4, [len(p) for p in planes])}
    if extra is not None:
        entries[338] = (3, [extra])
    for tag, kind, values in more:
        entries[tag] = (kind, values)
    head = (b"II" if order == "<" else b"MM") + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    entry_size, inline = (20, 8) if big else (12, 4)
    directory = (8 if big else 2) + entry_size * (len(entries) + 1) + (8 if big else 4)
    offset = len(head) + directory
    blob, strips = b"", []
    for plane in planes:
        strips.append(offset + len(blob))
        blob += plane + bytes(len(plane) % 2)
    entries[273] = (4, strips)
    out = struct.pack(order + ("Q" if big else "H"), len(entries))
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(packed) > inline:
            at, blob = offset + len(blob), blob + packed
            packed = struct.pack(order + ("Q" if big else "I"), at)
        out += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, len(values)) + packed.ljust(inline, b"\0")
    (OUT / name).write_bytes(head + out + bytes(8 if big else 4) + blob)


def packed(values, bits):
    """Rows of values packed to whole bytes."""
    rows = [np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :].reshape(-1) for row in values]
    return b"".join(np.packbits(row).tobytes() for row in rows)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    picture = patches(PATCHES, "RGB")
    indices = np.array([[4 * (y // 8) + x // 8 for x in range(32)] for y in range(16)])

    # Orientation: JPEG in all eight ways, the other formats in one.
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        name = f"turned-{orientation}.jpg"
        picture.save(OUT / name, quality=95, subsampling=0, exif=exif)
        expect(name, ImageOps.exif_transpose(Image.open(OUT / name)).convert("RGB"), 2)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options in (("turned.png", {}), ("turned.webp", {"lossless": True}), ("turned.tif", {})):
        picture.save(OUT / name, exif=exif, **options)
        expect(name, ImageOps.exif_transpose(Image.open(OUT / name)).convert("RGB"), 0)

    # Plain kinds.
    for name, image, options, tolerance in (
        ("progressive.jpg", picture, {"quality": 95, "progressive": True, "subsampling": 0}, 2),
        ("gray.jpg", picture.convert("L"), {"quality": 95}, 2),
        ("rgb.png", picture, {}, 0),
        ("gray.png", picture.convert("L"), {}, 0),
        ("palette.png", picture.quantize(8), {}, 0),
        ("bits-2.png", picture.convert("L").quantize(4), {"bits": 2}, 0),
        ("bilevel.png", picture.convert("1", dither=Image.Dither.NONE), {}, 0),
        ("lossy.webp", picture, {"quality": 95}, 6),
        ("lzw.tif", picture, {"compression": "tiff_lzw"}, 0),
        ("deflate.tif", picture, {"compression": "tiff_adobe_deflate"}, 0),
        ("jpeg.tif", picture, {"compression": "jpeg", "quality": 95}, 6),
        ("group4.tif", picture.convert("1", dither=Image.Dither.NONE), {"compression": "group4"}, 0),
        ("palette.tif", picture.quantize(8), {}, 0),
        ("cmyk.tif", picture.convert("CMYK"), {"compression": "tiff_lzw"}, 1),
    ):
        image.save(OUT / name, **options)
        expect(name, Image.open(OUT / name).convert("RGB"), tolerance)

    # 16 bits: the values built in, to the nearest of 8 bits.
    deep = np.array([[PATCHES[i] for i in row] for row in indices], dtype=np.uint16) * 257 + 100
    nearest = from_values([[min(255, round((v * 257 + 100) / 257)) for v in c] for c in PATCHES])
    tiff("bits-16.tif", 32, 16, [16] * 3, 2, np.minimum(deep, 65535).astype("<u2").tobytes())
    tiff("bits-16-big-endian.tif", 32, 16, [16] * 3, 2, np.minimum(deep, 65535).astype(">u2").tobytes(), order=">")
    tiff("big.tif", 32, 16, [16] * 3, 2, np.minimum(deep, 65535).astype("<u2").tobytes(), big=True)
    for name in ("bits-16.tif", "bits-16-big-endian.tif", "big.tif"):
        expect(name, nearest, 0)
    gray16 = Image.fromarray((indices * 8000 + 300).astype(np.uint16))
    gray16.save(OUT / "gray-16.png")
    gray16.save(OUT / "gray-16.tif")
    for name in ("gray-16.png", "gray-16.tif"):
        expect(name, from_values([[round((i * 8000 + 300) / 257)] * 3 for i in range(8)]), 0)

    # Planes one after the other, few bits, white at 0, a palette of 16 colours.
    tiff("planar.tif", 32, 16, [8] * 3, 2, [bytes(PATCHES[i][c] for row in indices for i in row) for c in range(3)], planar=2)
    expect("planar.tif", picture, 0)
    tiff("gray-4.tif", 32, 16, [4], 1, packed(indices * 2, 4))
    expect("gray-4.tif", from_values([[i * 2 * 17] * 3 for i in range(8)]), 0)
    tiff("white-is-zero.tif", 32, 16, [2], 0, packed(indices % 4, 2))
    expect("white-is-zero.tif", from_values([[255 - (i % 4) * 85] * 3 for i in range(8)]), 0)
    colors = [PATCHES[i % 8] for i in range(16)]
    color_map = [(320, 3, [c[channel] * 257 for channel in range(3) for c in colors])]
    tiff("palette-4.tif", 32, 16, [4], 3, packed(indices + 8, 4), more=color_map)
    tiff("palette-4-big-endian.tif", 32, 16, [4], 3, packed(indices + 8, 4), order=">", more=color_map)
    expect("palette-4.tif", picture, 0)
    expect("palette-4-big-endian.tif", picture, 0)

    # Transparency over white.
    alphas = [255, 128, 0, 64, 200, 30, 255, 100]
    rgba = patches([(*c, a) for c, a in zip(PATCHES, alphas)], "RGBA")
    for name, options in (("alpha.png", {}), ("alpha.webp", {"lossless": True, "exact": True}), ("alpha.tif", {})):
        rgba.save(OUT / name, **options)
        expect(name, over_white(Image.open(OUT / name).convert("RGBA")), 1)
    la = patches([(c[0], a) for c, a in zip(PATCHES, alphas)], "LA")
    la.save(OUT / "gray-alpha.png")
    expect("gray-alpha.png", over_white(la.convert("RGBA")), 1)
    tiff("gray-alpha.tif", 32, 16, [8, 8], 1, la.tobytes(), extra=2)
    expect("gray-alpha.tif", over_white(la.convert("RGBA")), 1)
    multiplied = [[round(v * a / 255) for v in c] + [a] for c, a in zip(PATCHES, alphas)]
    tiff("premultiplied.tif", 32, 16, [8] * 4, 2, patches([tuple(c) for c in multiplied], "RGBA").tobytes(), extra=1)
    expect("premultiplied.tif", over_white(rgba), 1)
    clear = picture.quantize(8)
    clear.save(OUT / "palette-alpha.png", transparency=bytes([0, 128, 255]))
    expect("palette-alpha.png", over_white(Image.open(OUT / "palette-alpha.png").convert("RGBA")), 1)

    # Colour profiles.
    srgb = ImageCms.ImageCmsProfile(SRGB).tobytes()
    for name, image, icc, options, tolerance in (
        ("display-p3.png", picture, DISPLAY_P3, {}, 1),
        ("display-p3.webp", picture, DISPLAY_P3, {"lossless": True}, 1),
        ("adobe-rgb.jpg", picture, ADOBE_RGB, {"quality": 95, "subsampling": 0}, 2),
        ("adobe-rgb.tif", picture, ADOBE_RGB, {"compression": "tiff_lzw"}, 1),
        ("gray-gamma-1.8.png", picture.convert("L"), GRAY_18, {}, 1),
    ):
        image.save(OUT / name, icc_profile=icc, **options)
        expect(name, managed(Image.open(OUT / name), icc), tolerance)
    picture.save(OUT / "srgb-profile.png", icc_profile=srgb)
    expect("srgb-profile.png", picture, 0)
    picture.convert("L").save(OUT / "gray-with-rgb-profile.png", icc_profile=ADOBE_RGB)
    expect("gray-with-rgb-profile.png", managed(picture.convert("L").convert("RGB"), ADOBE_RGB), 1)
    picture.save(OUT / "broken-profile.png", icc_profile=DISPLAY_P3[:200])
    expect("broken-profile.png", picture, 0)

    # Ink. Pillow writes Adobe's inverted CMYK and reads every CMYK JPEG as inverted.
    steps = [0, 64, 128, 191, 255]
    inks = [(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (64, 128, 0, 0), (191, 64, 128, 64), (0, 128, 255, 128), (0, 0, 0, 0)]
    assert all(v in steps for ink in inks for v in ink)
    ink = patches(inks, "CMYK")
    ink.save(OUT / "cmyk-adobe.jpg", quality=98, subsampling=0)
    expect("cmyk-adobe.jpg", Image.open(OUT / "cmyk-adobe.jpg").convert("RGB"), 2)
    adobe = (OUT / "cmyk-adobe.jpg").read_bytes()
    at = adobe.index(b"\xff\xee")
    length = struct.unpack(">H", adobe[at + 2 : at + 4])[0]
    assert adobe[at + 4 : at + 9] == b"Adobe" and adobe[at + 15] == 0
    # The same file saying that its first three channels are a YCbCr of the inks.
    ycck = bytearray(adobe)
    ycck[at + 15] = 2
    (OUT / "ycck-adobe.jpg").write_bytes(ycck)
    expect("ycck-adobe.jpg", Image.open(OUT / "ycck-adobe.jpg").convert("RGB"), 3)
    # The same inks not inverted, with no Adobe segment.
    buffer = io.BytesIO()
    Image.merge("CMYK", [c.point(lambda v: 255 - v) for c in ink.split()]).save(buffer, "JPEG", quality=98, subsampling=0)
    plain = buffer.getvalue()
    at = plain.index(b"\xff\xee")
    (OUT / "cmyk-plain.jpg").write_bytes(plain[:at] + plain[at + 2 + length :])
    expect("cmyk-plain.jpg", ink.convert("RGB"), 2)
    icc = print_profile()
    ink.save(OUT / "cmyk-profile.tif", icc_profile=icc, compression="tiff_lzw")
    expect("cmyk-profile.tif", managed(ink, icc), 2)
    ink.save(OUT / "cmyk-profile.jpg", icc_profile=icc, quality=98, subsampling=0)
    expect("cmyk-profile.jpg", managed(Image.open(OUT / "cmyk-profile.jpg"), icc), 3)

    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(expected.items()))
    (OUT / "expected.json").write_text("{\n" + lines + "\n}\n")
    print(f"{len(expected)} pictures, {sum(f.stat().st_size for f in OUT.iterdir()) / 1024:.0f} KiB, in {OUT}")


main()
