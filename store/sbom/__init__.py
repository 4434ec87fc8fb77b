"""Bills of materials: the parts that a package is made from, in the forms that others read.

A :class:`~store.sbom.bill.Bill` is a value, collected from the catalogue and the store. The modules
for CycloneDX and SPDX draw it with the libraries of the extra ``sbom``, which no other one loads.
"""
