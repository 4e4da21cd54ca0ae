"""Identity: how much of either parent a network that recognises people finds in the middle.

Network: MobileFaceNet of foamliu (MS-Celeb-1M, ArcFace loss), an ONNX file of the weights folder. Five points (eye
centres, nose tip, mouth corners) are brought to the 112 × 112 ArcFace template by a similarity; the similarity of two
faces is the cosine of their 128 numbers. No model of this project was trained with an identity network.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

FILE = "MobileFaceNet_foamliu.onnx"
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)
"""(5, 2) points of the ArcFace template (Deng et al. 2019), pixels."""
SIDE = 112
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Embed = Callable[[Picture, Points], npt.NDArray[np.float64]]
"""(S, S, 3) uint8 picture, (68, 2) landmarks in its pixels → (128,) of L2 norm 1."""


def similarity(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the (2, 3) similarity that brings (N, 2) points nearest to others (least squares, no reflection)."""
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    factor = np.vdot(z - z.mean(), w - w.mean()) / np.vdot(z - z.mean(), z - z.mean())
    offset = w.mean() - factor * z.mean()
    return np.array([[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag]])


def five_points(landmarks: Points) -> npt.NDArray[np.float64]:
    """Return eye centres, nose tip and mouth corners of (68, 2) landmarks, (5, 2)."""
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]]).astype(np.float64)


def load_identity(weights: Path) -> Embed | None:
    """Return the network as a function, or None where its file or onnxruntime is missing."""
    try:
        import onnxruntime
    except ImportError:
        return None
    if not (weights / FILE).is_file():
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(weights / FILE), options, providers=["CPUExecutionProvider"])

    def embed(picture: Picture, landmarks: Points) -> npt.NDArray[np.float64]:
        matrix = similarity(five_points(landmarks), TEMPLATE)
        face = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        x = ((face / 255 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[None]
        vector = session.run(None, {"input0": x})[0][0].astype(np.float64)
        return vector / np.linalg.norm(vector)

    return embed
