"""A training in legs: each call goes on where the last one stopped, alone or shared by processes under torchrun."""
