"""Networks, their training and calibration, and the engines that run them."""
