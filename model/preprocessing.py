"""Preprocessing: any drawing of a digit becomes ink as MNIST has it, stage by stage."""

SIDE = 28  # pixels, of an MNIST image
CENTRE = 14.0  # the index at which MNIST puts the centre of mass: the middle of the 15th pixel, not of the image (13.5)
