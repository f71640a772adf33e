"""Pixels only: photographs, regions, patches, canvases, places and the renderer. Knows no observer."""

from __future__ import annotations

from .canvases import Canvas, blurred, grey, mean_colour, noise
from .controls import enlarge, match, phase_scramble, scramble
from .described import Stimuli, concatenate
from .fit import fit_frame
from .frame import Fit, Frame, Interpolation
from .jitter import Jitter, JitterDraws
from .layered import layered
from .patches import Patch, crop, moments
from .photographs import Photograph, as_photograph, load_photograph, save_stimulus
from .places import (
    available_multiples,
    lattice,
    non_overlapping,
    period_lattice,
    sobol_phases,
    union_area,
)
from .regions import Regions, grid, superpixels, windows
from .render import render
from .render_torch import render_torch
from .synthetic import circular_mask, grating, noise_patch, uniform_patch

__all__ = [
    "Canvas",
    "Fit",
    "Frame",
    "Interpolation",
    "Jitter",
    "JitterDraws",
    "Patch",
    "Photograph",
    "Regions",
    "Stimuli",
    "as_photograph",
    "available_multiples",
    "blurred",
    "circular_mask",
    "concatenate",
    "crop",
    "enlarge",
    "fit_frame",
    "grating",
    "grey",
    "grid",
    "lattice",
    "layered",
    "load_photograph",
    "match",
    "mean_colour",
    "moments",
    "noise",
    "noise_patch",
    "non_overlapping",
    "period_lattice",
    "phase_scramble",
    "render",
    "render_torch",
    "save_stimulus",
    "scramble",
    "sobol_phases",
    "superpixels",
    "uniform_patch",
    "union_area",
    "windows",
]
