"""The page. Only this package and `app.py` know Gradio."""

from facemorph.ui.layout import build_page, launch_options
from facemorph.ui.own_folder import keep_to_own_folder
from facemorph.ui.warm import warm_up

__all__ = ["build_page", "keep_to_own_folder", "launch_options", "warm_up"]
