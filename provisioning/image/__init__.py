"""The image that people flash: one file per board, built without loop device, mount or container.

The story: `board` says what is wanted, `plan` makes steps of it (pure; `--plan` prints them), `carrying_out` runs them. On the way
`rootfs` makes Debian's tree, in which `initrd` says what finds it at a start; `wheels` and `engine` fetch and compile the Python packages
for the target, `environment` puts them in, `furnishing` lays our own files over it, `slot` and `esp` make the file systems, `disk` the
partitions, `papers` what goes beside.
"""
