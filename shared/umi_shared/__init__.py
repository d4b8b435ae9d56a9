"""What laptop and cloud share: labels, transcript, dialects, wire."""
