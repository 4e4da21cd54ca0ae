"""Changes of attributes on any picture whose landmarks are known. Knows tensors, not photos, files or models."""

from facemorph.edit.pictures import edit_pictures

__all__ = ["edit_pictures"]
