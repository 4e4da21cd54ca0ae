"""The page. Only this package and `app.py` know Gradio."""

from facemorph.ui.layout import build_page, launch_options
from facemorph.ui.warm import warm_up

__all__ = ["build_page", "launch_options", "warm_up"]
