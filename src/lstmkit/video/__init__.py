"""Video: what is done in clips and by skeletons."""

from lstmkit.video.captions import Captioner as Captioner
from lstmkit.video.captions import CaptionSettings as CaptionSettings
from lstmkit.video.classifier import ActionClassifier as ActionClassifier
from lstmkit.video.pictures import PictureSettings as PictureSettings
from lstmkit.video.pictures import picture_frames as picture_frames
from lstmkit.video.rows import ArraySettings as ArraySettings
from lstmkit.video.skeletons import SkeletonSettings as SkeletonSettings
