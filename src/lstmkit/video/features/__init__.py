"""What is computed of a picture of a video: by a frozen network, in cells of a grid, and by the optical flow."""
