"""Videos: reading an episode's frames, writing its augmented copies, checking what was written."""

from augmentation_worker.media.video.card import on_card
from augmentation_worker.media.video.check import check_video
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.decoding import VideoSegment, decode_segment
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import (
    CopyVideo,
    EpisodeVideo,
    augment_episode_camera,
    augment_episode_camera_into,
    copies_at_once,
)
from augmentation_worker.media.video.invalid import VideoInvalid
from augmentation_worker.media.video.properties import VideoProperties, probe_video

__all__ = [
    "ColorTags",
    "CopyVideo",
    "EpisodeVideo",
    "VideoEncoder",
    "VideoEncoding",
    "VideoInvalid",
    "VideoProperties",
    "VideoSegment",
    "augment_episode_camera",
    "augment_episode_camera_into",
    "check_video",
    "copies_at_once",
    "decode_segment",
    "on_card",
    "probe_video",
]
