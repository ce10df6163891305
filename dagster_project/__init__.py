"""Måttstock: from procurement registers, contract lists and invoices to figures a board can trust.

Rooms, in the order in which data flows: flow/ingest, flow/standardise, flow/reconcile, flow/validate, flow/build
(dbt) and flow/publish. Nothing reaches back; orchestration/ only wraps the steps.
"""
