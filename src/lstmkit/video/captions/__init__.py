"""Captions: what is seen in clips, or done by skeletons, in words."""

from lstmkit.video.captions.captioner import Caption as Caption
from lstmkit.video.captions.captioner import Captioner as Captioner
from lstmkit.video.captions.settings import CaptionSettings as CaptionSettings
