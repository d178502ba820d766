"""The attributes that Operandi reads of a DICOM header: a table, so that no dictionary is loaded.

A test holds it against pydicom's dictionary.
"""

from typing import Final

WANTED: Final[dict[int, tuple[str, str]]] = {
    int(tag, 16): (keyword, vr)
    for tag, vr, keyword in (
        line.split()
        for line in """
    00080005 CS SpecificCharacterSet
    00080008 CS ImageType
    00080016 UI SOPClassUID
    00080018 UI SOPInstanceUID
    00080020 DA StudyDate
    00080021 DA SeriesDate
    00080022 DA AcquisitionDate
    00080023 DA ContentDate
    0008002A DT AcquisitionDateTime
    00080030 TM StudyTime
    00080031 TM SeriesTime
    00080032 TM AcquisitionTime
    00080033 TM ContentTime
    00080060 CS Modality
    00080070 LO Manufacturer
    00080100 SH CodeValue
    00080102 SH CodingSchemeDesignator
    00080104 LO CodeMeaning
    00080201 SH TimezoneOffsetFromUTC
    00081010 SH StationName
    00081030 LO StudyDescription
    0008103E LO SeriesDescription
    00081090 LO ManufacturerModelName
    00089007 CS FrameType
    00089208 CS ComplexImageComponent
    00089209 CS AcquisitionContrast
    00100020 LO PatientID
    00100030 DA PatientBirthDate
    00100040 CS PatientSex
    00101020 DS PatientSize
    00101030 DS PatientWeight
    00180010 LO ContrastBolusAgent
    00180015 CS BodyPartExamined
    00180020 CS ScanningSequence
    00180021 CS SequenceVariant
    00180022 CS ScanOptions
    00180023 CS MRAcquisitionType
    00180024 SH SequenceName
    00180031 LO Radiopharmaceutical
    00180050 DS SliceThickness
    00180080 DS RepetitionTime
    00180081 DS EchoTime
    00180082 DS InversionTime
    00180086 IS EchoNumbers
    00180087 DS MagneticFieldStrength
    00180088 DS SpacingBetweenSlices
    00180091 IS EchoTrainLength
    00181000 LO DeviceSerialNumber
    00181020 LO SoftwareVersions
    00181030 LO ProtocolName
    00181060 DS TriggerTime
    00181071 DS RadiopharmaceuticalVolume
    00181072 TM RadiopharmaceuticalStartTime
    00181074 DS RadionuclideTotalDose
    00181075 DS RadionuclideHalfLife
    00181076 DS RadionuclidePositronFraction
    00181078 DT RadiopharmaceuticalStartDateTime
    00181143 DS ScanArc
    00181180 SH CollimatorGridName
    00181210 SH ConvolutionKernel
    00181242 IS ActualFrameDuration
    00181314 DS FlipAngle
    00185100 CS PatientPosition
    00189005 SH PulseSequenceName
    00189074 DT FrameAcquisitionDateTime
    00189075 CS DiffusionDirectionality
    00189076 SQ DiffusionGradientDirectionSequence
    00189079 FD InversionTimes
    00189082 FD EffectiveEchoTime
    00189087 FD DiffusionBValue
    00189089 FD DiffusionGradientOrientation
    00189112 SQ MRTimingAndRelatedParametersSequence
    00189114 SQ MREchoSequence
    00189115 SQ MRModifierSequence
    00189117 SQ MRDiffusionSequence
    00189151 DT FrameReferenceDateTime
    00189220 FD FrameAcquisitionDuration
    00189226 SQ MRImageFrameTypeSequence
    00189329 SQ CTImageFrameTypeSequence
    00189701 DT DecayCorrectionDateTime
    00189732 SQ PETFrameAcquisitionSequence
    00189739 US NumberOfIterations
    00189740 US NumberOfSubsets
    00189751 SQ PETFrameTypeSequence
    00189758 CS DecayCorrected
    00189759 CS AttenuationCorrected
    0020000D UI StudyInstanceUID
    0020000E UI SeriesInstanceUID
    00200011 IS SeriesNumber
    00200012 IS AcquisitionNumber
    00200013 IS InstanceNumber
    00200032 DS ImagePositionPatient
    00200037 DS ImageOrientationPatient
    00200052 UI FrameOfReferenceUID
    00200100 IS TemporalPositionIdentifier
    00200105 IS NumberOfTemporalPositions
    00200110 DS TemporalResolution
    00201041 DS SliceLocation
    00209056 SH StackID
    00209057 UL InStackPositionNumber
    00209111 SQ FrameContentSequence
    00209113 SQ PlanePositionSequence
    00209116 SQ PlaneOrientationSequence
    00209128 UL TemporalPositionIndex
    00209156 US FrameAcquisitionNumber
    00280002 US SamplesPerPixel
    00280004 CS PhotometricInterpretation
    00280008 IS NumberOfFrames
    00280010 US Rows
    00280011 US Columns
    00280030 DS PixelSpacing
    00280051 CS CorrectedImage
    00280100 US BitsAllocated
    00280101 US BitsStored
    00280102 US HighBit
    00280103 US PixelRepresentation
    00280120 US PixelPaddingValue
    00280121 US PixelPaddingRangeLimit
    00280122 FL FloatPixelPaddingValue
    00280123 FD DoubleFloatPixelPaddingValue
    00280124 FL FloatPixelPaddingRangeLimit
    00280125 FD DoubleFloatPixelPaddingRangeLimit
    00280301 CS BurnedInAnnotation
    00281052 DS RescaleIntercept
    00281053 DS RescaleSlope
    00281054 LO RescaleType
    00282110 CS LossyImageCompression
    00283000 SQ ModalityLUTSequence
    00289110 SQ PixelMeasuresSequence
    00289145 SQ PixelValueTransformationSequence
    004008EA SQ MeasurementUnitsCodeSequence
    00409096 SQ RealWorldValueMappingSequence
    00409210 SH LUTLabel
    00409224 FD RealWorldValueIntercept
    00409225 FD RealWorldValueSlope
    00540010 US EnergyWindowVector
    00540012 SQ EnergyWindowInformationSequence
    00540013 SQ EnergyWindowRangeSequence
    00540014 DS EnergyWindowLowerLimit
    00540015 DS EnergyWindowUpperLimit
    00540016 SQ RadiopharmaceuticalInformationSequence
    00540020 US DetectorVector
    00540022 SQ DetectorInformationSequence
    00540030 US PhaseVector
    00540052 SQ RotationInformationSequence
    00540053 US NumberOfFramesInRotation
    00540060 US RRIntervalVector
    00540070 US TimeSlotVector
    00540080 US SliceVector
    00540081 US NumberOfSlices
    00540100 US TimeSliceVector
    00540101 US NumberOfTimeSlices
    00540300 SQ RadionuclideCodeSequence
    00540302 SQ AdministrationRouteCodeSequence
    00540304 SQ RadiopharmaceuticalCodeSequence
    00541000 CS SeriesType
    00541001 CS Units
    00541006 CS SUVType
    00541101 LO AttenuationCorrectionMethod
    00541102 CS DecayCorrection
    00541103 LO ReconstructionMethod
    00541300 DS FrameReferenceTime
    00541321 DS DecayFactor
    00620002 SQ SegmentSequence
    00620003 SQ SegmentedPropertyCategoryCodeSequence
    00620021 UI TrackingUID
    52009229 SQ SharedFunctionalGroupsSequence
    52009230 SQ PerFrameFunctionalGroupsSequence
    """.strip().splitlines()
    )
}
"""Tag to (keyword, value representation), at every level of nesting."""

SEQUENCES: Final = frozenset(keyword for keyword, vr in WANTED.values() if vr == "SQ")

PRIVATE: Final[dict[tuple[int, int, str], tuple[str, str]]] = {
    # (group, low byte of element, creator) -> (our keyword, value representation)
    (0x7053, 0x00, "Philips PET Private Group"): ("PhilipsSUVScaleFactor", "DS"),
    (0x7053, 0x09, "Philips PET Private Group"): ("PhilipsActivityConcentrationScaleFactor", "DS"),
    (0x0009, 0x0D, "GEMS_PETD_01"): ("GEScanDateTime", "DT"),
    (0x0071, 0x22, "SIEMENS MED PT"): ("SiemensDecayCorrectionDateTime", "DT"),
    (0x0011, 0x3B, "GEMS_GENIE_1"): ("GEPixelScale", "FD"),
    (0x0011, 0x3C, "GEMS_GENIE_1"): ("GEPixelOffset", "FD"),
    (0x0057, 0x07, "SIEMENS MED NM"): ("SiemensRescaleSlope", "FL"),
    (0x0019, 0x0C, "SIEMENS MR HEADER"): ("SiemensBValue", "IS"),
    (0x0019, 0x0E, "SIEMENS MR HEADER"): ("SiemensGradientDirection", "FD"),
    (0x0019, 0x0A, "SIEMENS MR HEADER"): ("SiemensMosaicSlices", "US"),
    (0x0029, 0x10, "SIEMENS CSA HEADER"): ("SiemensCSAImageHeader", "OB"),
    (0x0019, 0xBB, "GEMS_ACQU_01"): ("GEGradientX", "DS"),
    (0x0019, 0xBC, "GEMS_ACQU_01"): ("GEGradientY", "DS"),
    (0x0019, 0xBD, "GEMS_ACQU_01"): ("GEGradientZ", "DS"),
    (0x0043, 0x39, "GEMS_PARM_01"): ("GEBValue", "IS"),
    (0x0043, 0x2F, "GEMS_PARM_01"): ("GEImageComponent", "SS"),
    (0x2001, 0x03, "Philips Imaging DD 001"): ("PhilipsBValue", "FL"),
}
PRIVATE_GROUPS: Final = frozenset(group for group, _, _ in PRIVATE)

ORPHANS: Final = {(0x7053, 0x10): "Philips PET Private Group"}
"""De-identified Philips PET often loses the creator; no other vendor uses this group."""
