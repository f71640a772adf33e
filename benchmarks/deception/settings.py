"""What is compared: bounds, budgets, knowledge and goals, and the methods that can play there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deepception.deceive.bounds import Area, Bound, Linf

# Cheapest first, so that an interruption loses little. "The eight" are all but the binary one.
NINE = (
    "mcunet_320kb_176",
    "shufflenet_v2_224",
    "efficientnet_lite0",
    "darknet_tiny_224",
    "mobilenet_v2_100_224",
    "squeezenet_v11_224",
    "mobilenet_v1_100_224",
    "resnet18_binary_fp1_224",
    "googlenet_bvlc_224",
)
EIGHT = tuple(name for name in NINE if name != "resnet18_binary_fp1_224")
SLOW = ("resnet18_binary_fp1_224", "googlenet_bvlc_224")  # 50 ms a showing and more
FOUR = ("efficientnet_lite0", "mobilenet_v2_100_224", "squeezenet_v11_224", "googlenet_bvlc_224")

TITLES = {
    "mcunet_320kb_176": "MCUNet",
    "shufflenet_v2_224": "ShuffleNet v2",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "darknet_tiny_224": "Tiny Darknet",
    "mobilenet_v2_100_224": "MobileNet v2",
    "squeezenet_v11_224": "SqueezeNet 1.1",
    "mobilenet_v1_100_224": "MobileNet v1",
    "resnet18_binary_fp1_224": "binary ResNet-18",
    "googlenet_bvlc_224": "GoogLeNet",
}

# Of the 250 of the test split, so many that about 60 are correct before: 60 divided by each network's share of
# correct answers on all photographs of the source set, known before anything was measured here, and a few more.
PHOTOGRAPHS = {
    "mcunet_320kb_176": 93,
    "shufflenet_v2_224": 78,
    "efficientnet_lite0": 74,
    "darknet_tiny_224": 102,
    "mobilenet_v2_100_224": 74,
    "squeezenet_v11_224": 106,
    "mobilenet_v1_100_224": 74,
    "resnet18_binary_fp1_224": 118,
    "googlenet_bvlc_224": 88,
}

PATCHES = ("ours", "random_square", "random_pixels")
PATCH_CONTROLS = ("grey_patch", "random_patch", "noise_pixels")
ABLATIONS = (
    "without_places",
    "without_order",
    "without_contents",
    "without_repetition",
    "without_pruning",
)
VEILS = ("ours", "art_square")
VEIL_CONTROLS = ("random_noise", "uniform_shift")
LEARNED = ("ours_learned", "ours_plain", "random_square_learned")  # what learning is worth: of the four, once
FULL = ("mcunet_320kb_176", "shufflenet_v2_224", "efficientnet_lite0")  # controls of patches with all queries
FEW = 200
"""Queries of a control where more are out of proportion. It is compared with what ours reaches by as many."""
SLOWEST = ("resnet18_binary_fp1_224",)  # learning a pattern on it takes hours
FEWER = dict.fromkeys(FULL, 1000) | dict.fromkeys(SLOW, 100)
"""The same for the controls of patches, where three take part: ``FEW`` on the networks that are not named."""


@dataclass(frozen=True)
class Setting:
    """One comparison.

    Attributes:
        name: Part of the file names.
        title: Heading on the page.
        bound: What a stimulus may change.
        queries: Most queries for a photograph.
        methods: Names of those that are run, controls last.
        networks: Which networks.
        knowledge: What the observer tells, ``None`` for all that it has.
        targeted: Whether there is a random target.
        photographs: How many at most, evenly spread, on each network or by its name; ``None`` for all of the
            test split.
        control_queries: Most queries of a control, on each network or by its name.
        seeds: Seeds of each search, where no other number is asked for.
        once: Searches that have one seed instead.
        single: Networks on which all searches have one seed.
        only: Networks of a method, where it has not all of them.
        for_transfer: Whether it is only learned for what transfer.py shows.
        controls_of: The setting whose controls are those of this one as well: they read no scores.
        ablates: The setting whose method ``ours`` is taken apart here, with the same random numbers.
        paid_for: The setting whose baselines are given here what ours learned with, besides their budget.
    """

    name: str
    title: str
    bound: Bound
    queries: int
    methods: tuple[str, ...]
    networks: tuple[str, ...] = NINE
    knowledge: str | None = None
    targeted: bool = False
    photographs: int | Mapping[str, int] | None = field(default_factory=lambda: PHOTOGRAPHS)
    control_queries: int | Mapping[str, int] = FEW
    seeds: int = 3
    once: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    for_transfer: bool = False
    controls_of: str | None = None
    ablates: str | None = None
    paid_for: str | None = None

    def count(self, network: str) -> int | None:
        """Most photographs for a network; ``None`` for all."""
        return self.photographs.get(network) if isinstance(self.photographs, Mapping) else self.photographs

    def seeds_on(self, network: str) -> int:
        """How many seeds searches have on a network."""
        return 1 if network in self.single else self.seeds

    def plays(self, method: str, network: str) -> bool:
        """Whether a method is run on a network."""
        return method in self.methods and network in self.only.get(method, self.networks)

    def most_of_control(self, network: str) -> int:
        """Most queries of a control on a network."""
        most = self.control_queries
        return most if isinstance(most, int) else most.get(network, FEW)


def _patches(percent: int) -> Setting:
    return Setting(
        f"patch-{percent}",
        f"Patches, {percent} % of the frame, untargeted",
        Area(percent / 100),
        1_000,
        PATCHES + LEARNED * (percent == 5) + PATCH_CONTROLS,
        control_queries=dict.fromkeys(SLOW, 100) if percent == 10 else FEWER,
        once=("random_pixels", *LEARNED, "random_square"),
        only=dict.fromkeys(LEARNED, FOUR),
    )


def _ablations(percent: int) -> Setting:
    return Setting(
        f"ablation-{percent}",
        f"Ablations: patches, {percent} % of the frame, untargeted",
        Area(percent / 100),
        1_000,
        ABLATIONS,
        networks=FOUR,
        seeds=1,
        ablates=f"patch-{percent}",
    )


def _veils(levels: int) -> Setting:
    return Setting(
        f"veil-{levels}",
        f"Veils, L∞ {levels}/255, one for each photograph, untargeted",
        Linf(levels / 255),
        1_000,
        VEILS + VEIL_CONTROLS,
        networks=NINE if levels == 10 else tuple(name for name in NINE if name not in SLOW),
        control_queries=dict.fromkeys(SLOW, 100),
        once=("art_square",),
    )


SETTINGS = {
    setting.name: setting
    for setting in (
        _patches(5),
        _patches(2),
        _patches(10),
        _veils(10),
        _veils(8),
        # 800 more: what 8,000 learning queries come to for each of ten photographs.
        Setting(
            "patch-5-paid",
            "Patches, 5 %: the random search given what our learning cost",
            Area(0.05),
            1_800,
            ("random_square",),
            networks=FOUR,
            seeds=1,
            paid_for="patch-5",
        ),
        Setting(
            "label-patch-5",
            "Labels only: patches, 5 % of the frame, untargeted",
            Area(0.05),
            1_000,
            ("ours",),
            knowledge="label",
            controls_of="patch-5",
        ),
        Setting(
            "label-veil-10",
            "Labels only: veils, L∞ 10/255, untargeted",
            Linf(10 / 255),
            1_000,
            ("ours", "art_hopskipjump"),
            knowledge="label",
            once=("art_hopskipjump",),
            only={"art_hopskipjump": tuple(name for name in FOUR if name not in SLOW)},
            controls_of="veil-10",
        ),
        Setting(
            "targeted-10",
            "Patches, 10 % of the frame, a random target",
            Area(0.10),
            10_000,
            ("ours", "random_square", *PATCH_CONTROLS),
            networks=FOUR,
            targeted=True,
            photographs=30,
            control_queries={name: 1_000 for name in FOUR if name not in SLOW},
            seeds=1,
            only={"random_square": ("squeezenet_v11_224",)},
        ),
        _ablations(5),
        _ablations(2),
        Setting(
            "universal-veil-10",
            "Universal veils, L∞ 10/255: one pattern for all photographs, no query",
            Linf(10 / 255),
            1,
            ("ours_universal", "best_drawn", "random_pattern"),
            photographs=None,
            once=("best_drawn",),
            single=SLOWEST,
        ),
        # What is learned here is shown to the other networks: see transfer.py.
        Setting(
            "universal-veil-10-alone",
            "Universal veils, L∞ 10/255, learned on one network alone",
            Linf(10 / 255),
            1,
            ("ours_universal_alone",),
            networks=EIGHT,
            photographs=None,
            seeds=1,
            for_transfer=True,
        ),
        Setting(
            "universal-patch-10",
            "Universal patches, 10 % of the frame: one pattern for all photographs, no query",
            Area(0.10),
            1,
            ("ours_universal", "best_drawn", "random_pattern"),
            photographs=None,
            once=("best_drawn",),
            single=SLOWEST,
        ),
    )
}
