"""The hard pairs of the contact sheet, by file name, chosen by looking at the photos.

None is in the numbers of the table unless chance drew it. Of the validation people the hat, the smile and the turned
pair were chosen anew after a first look at the sheet, because the photos did not show what their names say.
"""

from __future__ import annotations

HardPair = tuple[str, str, str]
"""What is hard, and both photos as `source/file`."""

HARD_PAIRS: dict[str, tuple[HardPair, ...]] = {
    "validation": (
        ("glasses × none", "celeba/001101.jpg", "celeba/001558.jpg"),
        ("sunglasses × none", "celeba/002850.jpg", "celeba/000258.jpg"),
        ("bald × long hair", "celeba/000846.jpg", "celeba/000664.jpg"),
        ("beard × none", "celeba/001453.jpg", "celeba/000558.jpg"),
        ("smile × neutral", "london/030_smiling.jpg", "london/011_neutral.jpg"),
        ("hat × none", "celeba/002996.jpg", "celeba/000259.jpg"),
        ("turned × frontal", "celeba/001395.jpg", "celeba/000046.jpg"),
        ("dark × light skin", "celeba/000537.jpg", "celeba/002678.jpg"),
        ("old × child", "celeba/000817.jpg", "utkface/10_0_0_20170110225451638.webp"),
    ),
    "training": (
        ("glasses × none", "celeba/000152.jpg", "celeba/000015.jpg"),
        ("sunglasses × none", "celeba/000193.jpg", "celeba/000027.jpg"),
        ("bald × long hair", "celeba/000079.jpg", "celeba/000019.jpg"),
        ("beard × none", "celeba/000109.jpg", "celeba/000081.jpg"),
        ("smile × neutral", "celeba/000028.jpg", "celeba/000897.jpg"),
        ("hat × none", "celeba/000195.jpg", "celeba/000022.jpg"),
        ("turned × frontal", "celeba/000529.jpg", "celeba/000052.jpg"),
        ("dark × light skin", "celeba/000535.jpg", "celeba/000980.jpg"),
        ("old × child", "celeba/000051.jpg", "utkface/2_0_0_20170110211501002.webp"),
    ),
}
