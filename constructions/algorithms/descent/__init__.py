"""Steps along a gradient: plain, with memory, with better step sizes, proximal, in any metric."""
