"""A SIMULATED hospital: every patient, name, scanner and picture made here is invented.

It exists so that the whole loop runs with no download and with a truth that is known exactly.
Nothing that comes out of it is evidence about real patients or real scanners.

Where to look: `hospital` tells the story, `knobs` says what can be turned, `shifts` plants drift,
`projection` and `kernels` are physics that know no body part, `geometry`, `thorax`, `skeleton`,
`vessels` and `findings` build a chest.
"""
