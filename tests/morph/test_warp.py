"""The thin-plate spline against SciPy's, and what a warp must and must not do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator
from skimage.transform import warp as skimage_warp

from facemorph.morph import warp


@pytest.fixture
def landmarks() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return (128 + 60 * rng.standard_normal((68, 2))).clip(20, 236).astype(np.float32)


@pytest.mark.parametrize("smoothing", [0.0, 1e-4, 1e-2])
def test_spline_is_scipys(smoothing: float) -> None:
    rng = np.random.default_rng(1)
    points, values, queries = rng.random((30, 2)), rng.standard_normal((30, 2)), rng.random((50, 2))
    expected = RBFInterpolator(points, values, kernel="thin_plate_spline", smoothing=smoothing)(queries)
    batch = torch.from_numpy(points)[None]
    coefficients = warp.fit_thin_plate(batch, torch.from_numpy(values)[None], smoothing)
    actual = warp.evaluate_thin_plate(batch, coefficients, torch.from_numpy(queries))[0]
    np.testing.assert_allclose(actual.numpy(), expected, atol=1e-8)


def test_equal_points_warp_nothing(landmarks: npt.NDArray[np.float32]) -> None:
    points = warp.control_points(landmarks, 256)
    x = torch.rand(1, 3, 128, 128)
    flow = warp.backward_flows(points[None], points)[0]
    assert flow.abs().max() < 1e-9
    torch.testing.assert_close(warp.warp(x, flow), x, atol=1e-4, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.03, 0.03), st.floats(-0.03, 0.03), st.floats(0.9, 1.1))
def test_an_affine_motion_is_reproduced(dx: float, dy: float, scale: float) -> None:
    rng = np.random.default_rng(2)
    points = torch.from_numpy(rng.random((1, 20, 2)))
    moved = (points - 0.5) * scale + 0.5 + torch.tensor([dx, dy])
    flow = warp.backward_flows(points, moved)[0]
    grid = (torch.arange(warp.FLOW_SIZE) + 0.5) / warp.FLOW_SIZE
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    expected = torch.stack([(x - 0.5) * (scale - 1) + dx, (y - 0.5) * (scale - 1) + dy])
    torch.testing.assert_close(flow[0], expected.float(), atol=1e-4, rtol=0)


def test_landmarks_move_to_their_targets(landmarks: npt.NDArray[np.float32]) -> None:
    rng = np.random.default_rng(3)
    target = landmarks + rng.normal(0, 2, landmarks.shape).astype(np.float32)
    points, source = warp.control_points(target, 256), warp.control_points(landmarks, 256)
    coefficients = warp.fit_thin_plate(points[None], (source - points)[None])
    reached = points[:68] + warp.evaluate_thin_plate(points[None], coefficients, points[:68])[0]
    error = (reached - source[:68]).norm(dim=1).mean() * 256
    assert error < 0.6  # pixels, of a jitter of 2.5 that a smooth warp need not follow to the last
    assert error < 0.3 * float(np.linalg.norm(target - landmarks, axis=1).mean())


def test_border_stays(landmarks: npt.NDArray[np.float32]) -> None:
    target = landmarks.copy()
    target[:, 1] += 6
    flow = warp.backward_flows(warp.control_points(target, 256)[None], warp.control_points(landmarks, 256))[0]
    edge = torch.cat([flow[0, :, 0], flow[0, :, -1], flow[0, :, :, 0], flow[0, :, :, -1]], 1)
    assert edge.abs().max() * 256 < 3
    assert flow.abs().max() * 256 > 5


def test_sampling_is_scikit_images(landmarks: npt.NDArray[np.float32]) -> None:
    """A known flow samples what scikit-image samples at the same coordinates, in the middle of the picture."""
    y, x = np.mgrid[:64, :64] / 64
    picture = np.stack([np.sin(6 * x), np.cos(5 * y), x * y], -1)
    flow = torch.full((1, 2, warp.FLOW_SIZE, warp.FLOW_SIZE), 2.5 / 64)
    ours = warp.warp(torch.from_numpy(picture).permute(2, 0, 1)[None].float(), flow)[0].permute(1, 2, 0).numpy()
    coordinates = np.stack(np.mgrid[:64, :64]).astype(float) + 2.5
    theirs = np.stack([skimage_warp(picture[..., c], coordinates, order=3) for c in range(3)], -1)
    np.testing.assert_allclose(ours[8:-8, 8:-8], theirs[8:-8, 8:-8], atol=2e-3)


def test_turned_face_does_not_fold() -> None:
    """Half of the face squeezed to a fifth of its width, as on a turned head: no triangle of the flow changes side."""
    rng = np.random.default_rng(4)
    frontal = (128 + 45 * rng.standard_normal((68, 2))).clip(60, 196).astype(np.float32)
    turned = frontal.copy()
    right = turned[:, 0] > 128
    turned[right, 0] = 128 + 0.2 * (turned[right, 0] - 128)
    middle = warp.control_points((frontal + turned) / 2, 256)
    flow = warp.backward_flows(middle[None], warp.control_points(frontal, 256))[0][0].double()
    step = 1 / warp.FLOW_SIZE
    dxx, dyx = torch.diff(flow[0], dim=1)[:-1] / step, torch.diff(flow[0], dim=0)[:, :-1] / step
    dxy, dyy = torch.diff(flow[1], dim=1)[:-1] / step, torch.diff(flow[1], dim=0)[:, :-1] / step
    determinant = (1 + dxx) * (1 + dyy) - dyx * dxy
    assert determinant.min() > 0
