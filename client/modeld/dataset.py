"""The reference's names of datasets."""

from .evals.dataset import Dataset, MemoryDataset
from .evals.records import FieldSpec, RecordToSample
from .evals.sample import Sample
from .evals.sources import csv_dataset, json_dataset

__all__ = [
    "Dataset",
    "FieldSpec",
    "MemoryDataset",
    "RecordToSample",
    "Sample",
    "csv_dataset",
    "json_dataset",
]
