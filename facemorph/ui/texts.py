"""Every word of the page, in English and in Chinese.

Fixed texts are translated in the browser (`gr.I18n`), by the browser's language. Sentences that depend on what happened
are made on the server, in the language that the request asks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import gradio as gr
from gradio.i18n import I18nData

from facemorph.align import AlignedFace
from facemorph.align.aligner import CUT_OFF, TURNED
from facemorph.attributes import ALREADY, ATTRIBUTES, CONTRADICTION, UNDER_A_HAT
from facemorph.errors import (
    FaceMorphError,
    ImageTooLargeError,
    ImageTooSmallError,
    NoFaceFoundError,
    NoHeadError,
    StrengthError,
    UnknownAttributeError,
    UnsupportedImageError,
)
from facemorph.images import MIN_FACE

Language: TypeAlias = Literal["en", "zh"]

TITLE = "FaceMorph"

TEXTS: dict[str, tuple[str, str]] = {
    "lead": ("Morph one face into another.", "把一张脸平滑地变成另一张脸。"),
    "privacy": (
        "Your photos stay on the machine that runs this page and are deleted within the hour. "
        "Nothing is sent anywhere else.",
        "照片只留在运行本页面的机器上，一小时内删除，不会发送到任何其他地方。",
    ),
    "consent": (
        "Use only photos of people who agree. Never use a morph in an identity document.",
        "只使用本人同意的照片。切勿将合成结果用于身份证件。",
    ),
    "photo_a": ("Photo A", "照片 A"),
    "photo_b": ("Photo B", "照片 B"),
    "face_choice": ("Which face", "选择人脸"),
    "swap": ("⇄ Swap", "⇄ 交换"),
    "examples": ("Or try a pair. These are composites, not real people.", "或试试这些示例（合成人脸，并非真人）"),
    "steps": ("Frames", "帧数"),
    "fps": ("Speed, fps", "速度（帧/秒）"),
    "size": ("Size in pixels", "尺寸（像素）"),
    "ping_pong": ("Ping-pong: back to A again", "往返播放：再变回 A"),
    "quality": ("Quality", "质量"),
    "quality_info": (
        "Best lets a learned prior repair seams; fast skips it.",
        "“最佳”用学到的先验修补接缝；“快速”跳过这一步。",
    ),
    "best": ("Best", "最佳"),
    "fast": ("Fast", "快速"),
    "apart": ("Shape and appearance", "形状与外观"),
    "apart_info": (
        "Shape is where the features and the outline lie. Appearance is the rest: skin, hair, background.",
        "形状是五官和轮廓的位置；外观是其余部分：皮肤、头发、背景。",
    ),
    "moving": ("What morphs", "变形内容"),
    "moving_info": ("In the animation. The rest stays as in A.", "用于动画；其余部分保持 A 的样子。"),
    "both": ("Both", "两者"),
    "shape_only": ("Shape only", "仅形状"),
    "appearance_only": ("Appearance only", "仅外观"),
    "still": ("One frame: place each between A and B.", "单帧：分别选择两者在 A 与 B 之间的位置。"),
    "shape": ("Shape", "形状"),
    "appearance": ("Appearance", "外观"),
    "morph": ("Morph", "开始变形"),
    "attributes": ("Attributes", "属性"),
    "attributes_info": (
        "Change one thing, or several, on one photo and in the morph. Strength 0 leaves it as it is, "
        "1 goes all the way, −1 to the opposite.",
        "改变一个或多个属性，作用于单张照片和变形。强度 0 为不变，1 为最强，−1 为相反方向。",
    ),
    "attribute": ("Attribute", "属性"),
    "strength": ("Strength", "强度"),
    "curve": ("Along the morph", "在变形过程中"),
    "curve_info": ("In the animation and in one frame of it.", "用于动画和其中的单帧。"),
    "curve_constant": ("Constant", "不变"),
    "curve_appears": ("Appears", "出现"),
    "curve_disappears": ("Disappears", "消失"),
    "curve_peaks": ("Peaks in the middle", "中间最强"),
    "clear": ("Clear", "清除"),
    "edit_photo": ("Show it on", "显示在"),
    "turning": ("Turn the head", "转头"),
    "turning_info": (
        "Of one photo alone: a still, and a short loop that swings as far to the other side.",
        "只用一张照片：一张静态图，以及向两侧同样摆动的短循环动画。",
    ),
    "yaw": ("Left or right, degrees", "左右（度）"),
    "pitch": ("Down or up, degrees", "上下（度）"),
    "turn_photo": ("Which photo", "选择照片"),
    "turn": ("Turn", "转动"),
    "attribute_age": ("Age", "年龄"),
    "attribute_gender": ("Masculine", "男性化"),
    "attribute_smile": ("Smile", "微笑"),
    "attribute_open_mouth": ("Open mouth", "张嘴"),
    "attribute_glasses": ("Glasses", "眼镜"),
    "attribute_beard": ("Beard", "胡须"),
    "attribute_bangs": ("Bangs", "刘海"),
    "attribute_blond_hair": ("Blond hair", "金发"),
    "attribute_black_hair": ("Black hair", "黑发"),
    "attribute_grey_hair": ("Grey hair", "灰白头发"),
    "attribute_pale_skin": ("Pale skin", "肤色白皙"),
    "attribute_lipstick": ("Lipstick", "口红"),
    "attribute_makeup": ("Make-up", "妆容"),
    "attribute_bushy_brows": ("Bushy brows", "浓眉"),
    "attribute_chubby": ("Round face", "圆脸"),
    "attribute_receding_hair": ("Receding hairline", "发际线后移"),
    "attribute_hat": ("Hat", "帽子"),
}

STAGE_TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "empty": "Add two photos and press Morph",
        "position": "Position between A and B",
        "play": "Play",
        "pause": "Pause",
        "animation": "Animated morph from face A to face B",
        "frame": "One frame of the morph from face A to face B",
        "earlier": "This is the morph of the earlier photos. Press Morph for a new one.",
    },
    "zh": {
        "empty": "添加两张照片，然后点击“开始变形”",
        "position": "A 与 B 之间的位置",
        "play": "播放",
        "pause": "暂停",
        "animation": "从人脸 A 到人脸 B 的动画",
        "frame": "从人脸 A 到人脸 B 的一帧",
        "earlier": "这是之前照片的变形结果。点击“开始变形”生成新的。",
    },
}

WARNINGS: dict[str, str] = {
    r"(\d+) faces found; the largest was taken\.": "照片中有 {} 张人脸，已选用最大的一张。",
    r"The face is only (\d+) pixels across; the result will be soft\.": "人脸只有 {} 像素宽，结果会偏模糊。",
    re.escape(TURNED): "头转得太偏；转向正面时，半边脸是镜像补出来的。",
    re.escape(CUT_OFF): "人脸被照片边缘截断，缺少的部分由其余部分填补。",
    r"No head explains the face in photo ([AB]), so it is taken as seen from the front\.": (
        "没有头部模型能解释照片 {} 中的脸，因此按正面处理。"
    ),
    r"The person in photo ([AB]) could not be told from the background, "
    r"so hair and background change at once with the rest of the picture\.": (
        "无法把照片 {} 中的人物与背景分开，因此头发和背景与画面其余部分同时变化。"
    ),
    r"No ffmpeg was found, so the GIF has coarser colours\. Install imageio-ffmpeg for the better ones\.": (
        "没有找到 ffmpeg，GIF 的颜色会比较粗糙。安装 imageio-ffmpeg 可以改善。"
    ),
    re.escape(ALREADY).replace(r"\{\}", "(.+)"): "这张脸已经是“{}”，再加强变化不大。",
    re.escape(UNDER_A_HAT): "这里帽子算作头发，会随发色一起改变。",
    re.escape(CONTRADICTION).replace(r"\{\}", "(.+)"): "“{}”与“{}”很少同时出现；两者都已应用。",
}
"""What the package warns of, and the same in Chinese; numbers and names go where the braces stand."""

ATTRIBUTE_WORDS: dict[str, tuple[str, str]] = {
    "age": ("年长", "年轻"),
    "gender": ("男性化", "女性化"),
    "smile": ("有笑容", "没有笑容"),
    "open_mouth": ("张嘴", "闭嘴"),
    "glasses": ("戴眼镜", "不戴眼镜"),
    "beard": ("有胡须", "没有胡须"),
    "bangs": ("有刘海", "没有刘海"),
    "blond_hair": ("金发", "不是金发"),
    "black_hair": ("黑发", "不是黑发"),
    "grey_hair": ("灰白头发", "不是灰白头发"),
    "pale_skin": ("肤色白皙", "肤色较深"),
    "lipstick": ("涂口红", "不涂口红"),
    "makeup": ("化妆", "不化妆"),
    "bushy_brows": ("浓眉", "淡眉"),
    "chubby": ("圆脸", "瘦脸"),
    "receding_hair": ("发际线后移", "发际线完整"),
    "hat": ("戴帽子", "不戴帽子"),
}
"""What a sentence calls a face with an attribute and one without it, in Chinese; `ATTRIBUTES` has the English."""

WORDS_IN_CHINESE: dict[str, str] = {
    "a child's face": "儿童的脸",
    "a feminine face": "女性化的脸",
    **{ATTRIBUTES[name].more: more for name, (more, _) in ATTRIBUTE_WORDS.items()},
    **{ATTRIBUTES[name].less: less for name, (_, less) in ATTRIBUTE_WORDS.items()},
}

BACKENDS: dict[str, tuple[str, str]] = {
    "builtin": ("built-in aligner", "内置对齐器"),
    "fan": ("face-alignment package", " face-alignment "),
}

I18N = gr.I18n(
    **{
        "en": {key: english for key, (english, _) in TEXTS.items()},
        "zh-CN": {key: chinese for key, (_, chinese) in TEXTS.items()},
        "zh-TW": {key: chinese for key, (_, chinese) in TEXTS.items()},
    }
)


def text(key: str) -> I18nData:
    """Return the text `key` to be translated in the browser."""
    if key not in TEXTS:
        raise KeyError(key)
    return I18N(key)


def name_of(key: str, language: Language) -> str:
    """Return the text `key` for a sentence that is made on the server."""
    return say(language, *TEXTS[key])


def language_of(request: gr.Request | None) -> Language:
    """Return the language that Gradio shows to the browser that sent `request`: its first choice, or English."""
    accepted = request.headers.get("accept-language", "") if request is not None else ""
    first = accepted.replace(";", ",").split(",")[0].strip().lower()
    return "zh" if first in ("zh-cn", "zh-tw") else "en"


def say(language: Language, english: str, chinese: str) -> str:
    """Return the sentence in `language`."""
    return chinese if language == "zh" else english


def photo_name(slot: str, language: Language) -> str:
    """Return what the page calls the photo of `slot` ("A" or "B")."""
    return say(language, f"Photo {slot}", f"照片 {slot}")


def describe_face(face: AlignedFace, language: Language) -> str:
    """Return one line about a face that was found: by which backend, and what to know about it."""
    english, chinese = BACKENDS.get(face.backend, (face.backend, face.backend))
    found = say(language, f"face found by the {english}. ", f"已由{chinese}找到人脸。")
    return (found + describe_warnings(face.warnings, language)).strip()


def describe_warnings(warnings: Sequence[str], language: Language) -> str:
    """Return the sentences of `warnings`, one after the other."""
    if language == "en":
        return " ".join(warnings)
    return "".join(_warning_in_chinese(warning) for warning in warnings)


def _warning_in_chinese(warning: str) -> str:
    for pattern, chinese in WARNINGS.items():
        if match := re.fullmatch(pattern, warning):
            return chinese.format(*(WORDS_IN_CHINESE.get(_uncapitalised(word), word) for word in match.groups()))
    return warning


def _uncapitalised(word: str) -> str:
    return word[:1].lower() + word[1:]


def describe_error(error: FaceMorphError, language: Language) -> str:
    """Return one sentence that says what was wrong and what to do."""
    if language == "en":
        return str(error)
    match error:
        case ImageTooLargeError():
            limit = error.limit // 1_000_000
            return f"图片有 {error.width} × {error.height} 像素，太大了。请缩小到 {limit} 百万像素以内。"
        case ImageTooSmallError():
            return f"图片或其中的人脸只有 {error.actual} 像素，太小了。请使用人脸至少 {error.minimum} 像素宽的照片。"
        case NoFaceFoundError(num_faces=0):
            return f"没有找到人脸。请使用人脸正对镜头、清晰、至少 {MIN_FACE} 像素宽的照片。"
        case UnsupportedImageError():
            return "无法打开这个文件。请使用 JPEG、PNG、WebP 或 GIF；HEIC 照片请先导出为 JPEG。"
        case NoHeadError():
            return "这张脸无法用头部模型解释，因此不能转动。请使用露出眼睛、鼻子和嘴的照片。"
        case UnknownAttributeError():
            known = "、".join(name_of(f"attribute_{name}", "zh") for name in error.known)
            return f"没有名为“{error.name}”的属性。可选：{known or '无'}。"
        case StrengthError():
            return f"{name_of(f'attribute_{error.name}', 'zh')}的强度是 {error.strength:g}，请在 −1 到 1 之间选择。"
        case _:
            return f"无法完成：{error}"


def describe_unexpected(language: Language) -> str:
    """Return what is said about an error that nobody foresaw; the log has the rest."""
    return say(
        language,
        "Something went wrong here. Your photos are still in place; please try again.",
        "程序出错了。您的照片仍在，请重试。",
    )


def file_size(num_bytes: int) -> str:
    """Return a file size for people: in KB below one MB."""
    return f"{num_bytes / 1e6:.1f} MB" if num_bytes >= 1e6 else f"{max(1, round(num_bytes / 1e3))} KB"
