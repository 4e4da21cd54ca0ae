"""What nobody foresaw: it is logged in full and shown as one general sentence."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gradio as gr

from facemorph.ui.texts import describe_unexpected, language_of

logger = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., Any])


def guarded(function: Function) -> Function:
    """Let an unforeseen error of a handler be logged, and shown as one sentence instead of a traceback."""

    def unexpected(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> gr.Error:
        logger.exception("Unexpected error in %s", function.__name__)
        given = [*arguments, *keywords.values()]
        request = next((value for value in given if isinstance(value, gr.Request)), None)
        return gr.Error(describe_unexpected(language_of(request)), print_exception=False)

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except Exception as error:
            raise unexpected(arguments, keywords) from error

    @functools.wraps(function)
    def iterate(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        try:
            yield from function(*arguments, **keywords)
        except Exception as error:
            raise unexpected(arguments, keywords) from error

    return iterate if inspect.isgeneratorfunction(function) else call  # type: ignore[return-value]
