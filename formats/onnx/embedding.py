"""How often words stand together."""

from __future__ import annotations

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl.embedding import tf_idf
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(tf_idf)
def write_tf_idf(site: OnnxSite) -> str:
    """Write the lists as attributes."""
    pool, starts, columns = (site.value(i) for i in (1, 2, 3))
    weights = site.type(4).value if site.input(4) else None
    given = {"weights": weights.tolist()} if weights is not None else {}
    if site.input(4) and weights is None:
        raise UnsupportedError("TfIdfVectorizer needs weights that are known")
    return site.emit(
        "TfIdfVectorizer",
        site.input(0),
        max_gram_length=min(site.attribute("longest"), len(starts)),
        max_skip_count=site.attribute("max_skip"),
        min_gram_length=site.attribute("shortest"),
        mode=site.attribute("mode"),
        ngram_counts=starts.tolist(),
        ngram_indexes=columns.tolist(),
        pool_int64s=pool.tolist(),
        **given,
    )


@ONNX.of("TfIdfVectorizer")
def tf_idf_of(source: OnnxSource) -> str:
    """Texts are numbered first: by their place in the pool."""
    x, words = source.input(0), source.attributes.get("pool_strings")
    pool = np.asarray(source.attributes.get("pool_int64s", ()), np.int64)
    if (words is None) == (len(pool) == 0):
        raise FormatError("there is no pool, or two")
    if source.type(x).format == "str":
        if words is None:
            raise FormatError("texts, but a pool of numbers")
        kinds = {word: i for i, word in enumerate(dict.fromkeys(words))}
        value, form = source.value(x), np.dtype(np.int64)
        numbers = [kinds.get(word, -1) for word in value.ravel()]
        x = source.constant(np.array(numbers, form).reshape(value.shape))
        pool = np.array([kinds[word] for word in words], form)
    else:
        form = source.type(x).dtype
    weights = source.attributes.get("weights")
    lists = [
        source.constant(pool.astype(form)),
        source.constant(np.array(source.attribute("ngram_counts", ()), np.int64)),
        source.constant(np.array(source.attribute("ngram_indexes", ()), np.int64)),
    ]
    if weights is not None:
        lists.append(source.constant(np.array(weights, np.float32)))
    return source.add(
        tf_idf,
        x,
        *lists,
        mode=source.attribute("mode", "TF"),
        shortest=source.attribute("min_gram_length", 1),
        longest=source.attribute("max_gram_length", 1),
        max_skip=source.attribute("max_skip_count", 0),
    )
