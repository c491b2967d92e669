"""From text to labels with calibrated confidence: n-gram features, the network, its compact form, its predictor."""
