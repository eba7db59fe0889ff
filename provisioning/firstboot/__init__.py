"""What a box does before the house starts, at its first start and at each: `python -m provisioning.firstboot disk|start|show`.

`disk` runs before anything is mounted, `start` once /data and /efi are there, `show` whenever the screen has something new to say.

    preparing.py    disk: partitions, /efi, a reset, /data, in this order
    disk.py         which partitions belong to the disk that we run from
    table.py        what partitions there should be
    filesystems.py  checking and mounting
    wiping.py       the factory reset
    starting.py     start: the steps, in order
    steps.py        a step, its marker, and what became of it
    identity.py     the box's own number and name
    keys.py         the hotspot's password
    claiming.py     the claim code, on the boot partition too
    presets.py      what somebody wrote onto the boot partition: the strict schema
    raspberry.py    the same as Raspberry Pi Imager writes it
    applying.py     putting presets to work, and the report on them
    defaults.py     settings that differ between a box and a desk
    stock.py        the models that came with the image, put onto the shelf
    clock.py        the earliest time that it can be
    console.py      what the screen and the serial line say

Every step can be cut off at any instant and is then done again: it looks at what is there, and its marker is written last.
"""
