"""The house on an NVIDIA Jetson: a bundle that is installed on a system which NVIDIA made (JetPack), instead of an image.

The bundle is one file: `install.sh` beside the house's units (`contents`), its Python packages for each Python that such a system may
have (`packages`), and llama.cpp's source, which is compiled on the device, where CUDA is. `making` puts it together. NVIDIA's
system looks after its disks, network, name and updates itself.
"""
