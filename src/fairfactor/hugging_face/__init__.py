"""Models of Hugging Face transformers from a folder on this machine: loaded, tokenised, rebuilt."""

from fairfactor.hugging_face.architecture import architecture_json, build_model
from fairfactor.hugging_face.folder import load_classifier, load_encoder
from fairfactor.hugging_face.tokens import Tokens

__all__ = ["Tokens", "architecture_json", "build_model", "load_classifier", "load_encoder"]
