"""What the performance figures in the README are measured with: ratios within one run, never a timed test."""
