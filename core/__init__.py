"""Speech deepfake detection without browser or training: decode, detect, explain, report."""
