"""The one door through which DICOM enters and leaves."""
