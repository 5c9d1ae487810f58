"""Where the joints of a person are in a video, by the published networks of MediaPipe."""

from lstmkit.video.pose.estimator import PoseEstimator as PoseEstimator
from lstmkit.video.pose.reading import Poses as Poses
from lstmkit.video.pose.reading import read_poses as read_poses
