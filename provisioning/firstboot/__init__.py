"""What a box does before the house starts, at its first start and at each: `python -m provisioning.firstboot box|start|show`.

`box` runs before anything is mounted and does all that comes before the house; `start` is its second half alone, for a system that has
its disks mounted already; `show` runs whenever the screen has something new to say.

    preparing.py    box, first half: partitions, /efi, a reset, /data, in this order
    disk.py         which partitions belong to the disk that we run from
    table.py        what partitions there should be
    filesystems.py  checking and mounting
    wiping.py       the factory reset
    starting.py     box, second half, and start: the steps, in order
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
