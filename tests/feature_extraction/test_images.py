from __future__ import annotations

import copy
import io
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.feature_extraction.small_images import (
    ImagesInMemory,
    saved_weights,
    small_images,
)

from fairfactor.errors import ArgumentError, DataError, FairfactorWarning, SavedModelError
from fairfactor.feature_extraction import extract
from fairfactor.feature_extraction.images import ImageExtractor, image_extractor
from fairfactor.feature_extraction.kinds import describe_extractor, extractor_skeleton
from fairfactor.models.image_networks import build_image_network

image = pytest.importorskip("PIL.Image", reason="pip install 'fairfactor[images]'")
IMAGES = small_images()
NAMES = list(IMAGES.files)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return saved_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def extractor(weights):
    return image_extractor("resnet18", IMAGES, weights=weights, size=64)


def through_json(extractor):
    return json.loads(json.dumps(describe_extractor(extractor)))


def test_the_last_layer_on_the_features_gives_the_networks_logits(extractor, weights):
    network = build_image_network("resnet18", 3, seed=0).eval()
    pixels = extractor.pixels(NAMES).numpy().transpose(0, 2, 3, 1) / 255.0
    normalised = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    inputs = torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float()
    stored = load_file(weights)
    with torch.no_grad():
        expected = network(inputs)
    found = extractor.features(NAMES) @ stored["fc.weight"].T + stored["fc.bias"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert extractor.features(NAMES).shape == (5, 512)


def test_efficientnet_lite_reads_grey_levels_minus_127_over_128(tmp_path):
    weights = saved_weights(tmp_path, "efficientnet-lite0")
    extractor = image_extractor("efficientnet-lite0", IMAGES, weights=weights, size=32)
    seen = []
    extractor.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    extractor.features(NAMES[:2])
    expected = (extractor.pixels(NAMES[:2]).float() - 127) / 128
    torch.testing.assert_close(seen[0], expected, rtol=0, atol=1e-6)


def test_batches_and_their_order_change_nothing(extractor):
    whole = extract(extractor, NAMES)
    parts = extract(extractor, NAMES[::-1], batch_size=2).flip(0)
    torch.testing.assert_close(parts, whole)


def test_the_central_square_is_seen(weights):
    wide = np.zeros((64, 128, 3), dtype=np.uint8)
    wide[:, 32:96] = 200
    content = io.BytesIO()
    image.fromarray(wide).save(content, "png")
    images = ImagesInMemory({"wide": content.getvalue()})
    found = image_extractor("resnet18", images, weights=weights, size=64).pixels(["wide"])
    assert bool((found == 200).all())
    smaller = image_extractor("resnet18", images, weights=weights, size=32, centre=0.5)
    assert smaller.pixels(["wide"]).shape == (1, 3, 32, 32)


def test_a_saved_extractor_makes_the_same_features(extractor):
    loaded = extractor_skeleton(through_json(extractor))
    assert isinstance(loaded, ImageExtractor)
    loaded.load_state_dict(extractor.state_dict())
    loaded.images = IMAGES
    assert torch.equal(loaded.features(NAMES), extractor.features(NAMES))
    assert describe_extractor(loaded) == describe_extractor(extractor)


def test_nothing_trains_and_the_last_layer_is_not_kept(extractor):
    assert not any(parameter.requires_grad for parameter in extractor.parameters())
    assert not [name for name in extractor.state_dict() if "fc" in name]
    extractor.train()
    before = extractor.features(NAMES)
    assert torch.equal(extractor.features(NAMES), before)
    assert extractor.network.training  # the mode is given back
    extractor.eval()
    assert torch.equal(extractor.features(NAMES), before)


def test_fingerprints_are_of_the_content_alone(extractor, weights):
    renamed = ImagesInMemory({f"new {name}": IMAGES.files[name] for name in NAMES})
    other = image_extractor("resnet18", renamed, weights=weights, size=64)
    assert other.fingerprints(list(renamed.files)) == extractor.fingerprints(NAMES)
    assert len(set(extractor.fingerprints(NAMES))) == len(NAMES)


def test_bad_images_are_named(extractor, weights):
    with pytest.raises(DataError, match=r"no image 'unknown'"):
        extractor.features(["unknown"])
    broken = ImagesInMemory({"broken.jpg": b"no image", "cut.png": IMAGES.files["0.png"][:900]})
    other = image_extractor("resnet18", broken, weights=weights)
    for name in broken.files:
        with pytest.raises(
            DataError, match=rf"^image '{name}' cannot be decoded: .*delete its row"
        ):
            other.features([name])


def test_without_images_it_says_what_is_missing(weights):
    with pytest.raises(ArgumentError, match=r"^images=None.*--images"):
        image_extractor("resnet18", weights=weights).features(["a"])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": 16}, r"^size=16.*32 or more"),
        ({"centre": 0.0}, r"^centre=0\.0"),
        ({"centre": 1.5}, r"^centre=1\.5"),
    ],
)
def test_unusable_options_are_refused(weights, options, text):
    with pytest.raises(ArgumentError, match=text):
        image_extractor("resnet18", weights=weights, **options)


def test_unknown_architectures_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"^architecture='vgg'.*resnet18.*transformers"):
        image_extractor("vgg")
    with pytest.raises(ArgumentError, match=r"^weights=None.*no package ships"):
        image_extractor("resnet50")


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": {"name": "vgg"}},
        {"architecture": None},
        {"size": "64"},
        {"size": 0},
        {"mean": 0.5},
        {"centre": "all"},
    ],
)
def test_damaged_descriptions_are_refused(extractor, change):
    with pytest.raises(SavedModelError, match=r"^the saved (description|network).*\."):
        extractor_skeleton(through_json(extractor) | change)


@pytest.fixture(scope="module")
def vision_folder(tmp_path_factory):
    """A tiny vision transformer as save_pretrained writes it."""
    transformers = pytest.importorskip("transformers", reason="pip install transformers")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
    )
    folder = tmp_path_factory.mktemp("vision")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.ViTForImageClassification(config).eval()
    model.save_pretrained(folder)
    preparation = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.25]}
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation), "utf-8")
    return folder, model


def test_a_folder_of_transformers_is_an_architecture(vision_folder):
    folder, model = vision_folder
    extractor = image_extractor(str(folder), IMAGES)
    assert (extractor.size, extractor.width) == (32, 16)
    pixels = extractor.pixels(NAMES) / 255
    deviation = torch.tensor([0.5, 0.5, 0.25])[:, None, None]
    with torch.no_grad():
        expected = model(pixel_values=(pixels - 0.5) / deviation).logits
    with torch.no_grad():
        found = model.classifier(extractor.features(NAMES))
    torch.testing.assert_close(found, expected)
    loaded = extractor_skeleton(through_json(extractor))
    loaded.load_state_dict(extractor.state_dict())
    loaded.images = IMAGES
    assert torch.equal(loaded.features(NAMES), extractor.features(NAMES))


def test_a_folder_in_half_precision_is_read_as_float32_and_quietly(vision_folder, tmp_path, capfd):
    folder, model = vision_folder
    copy.deepcopy(model).half().save_pretrained(tmp_path)
    shutil.copy(folder / "preprocessor_config.json", tmp_path)
    capfd.readouterr()
    extractor = image_extractor(str(tmp_path), IMAGES)
    assert extractor.features(NAMES).dtype == torch.float32
    loaded = extractor_skeleton(through_json(extractor))
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    assert capfd.readouterr() == ("", "")


def test_a_folder_without_normalisation_takes_that_of_imagenet(vision_folder, tmp_path):
    _, model = vision_folder
    model.save_pretrained(tmp_path)
    with pytest.warns(FairfactorWarning, match="as those of ImageNet"):
        extractor = image_extractor(str(tmp_path))
    assert extractor.description()["mean"] == [0.485, 0.456, 0.406]


def test_other_folders_are_refused(vision_folder, tmp_path, weights):
    folder, _ = vision_folder
    with pytest.raises(ArgumentError, match=r"^weights=.*has its own"):
        image_extractor(str(folder), weights=weights)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    with pytest.raises(SavedModelError, match="no image classifier of transformers"):
        image_extractor(str(tmp_path))
    with pytest.raises(SavedModelError, match=r"configuration of transformers cannot be used"):
        extractor_skeleton(
            {
                "kind": "images",
                "width": 2,
                "mean": [0, 0, 0],
                "deviation": [1, 1, 1],
                "column": "image",
                "size": 32,
                "centre": 1.0,
                "architecture": {"transformers": {"model_type": "?"}},
            }
        )
