"""Videos: every picture restored, everything else kept as it was. Needs PyAV, the extra `video`."""
