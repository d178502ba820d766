"""A small REDCap project, written by hand."""

from collections.abc import Sequence
from pathlib import Path

HEADER = (
    "field_name,form_name,field_type,field_label,select_choices_or_calculations,"
    "text_validation_type_or_show_slider_number,identifier"
)
FIELDS = (
    "record_id,visit,text,Record,,,",
    "surname,visit,text,Surname,,,y",
    'sex,visit,radio,Sex,"0, Female | 1, Male",,',
    "born,visit,text,Born,,date_dmy,",
    "weight,visit,text,Weight,,number_comma_decimal,",
    "seen,visit,text,Seen,,datetime_ymd,",
    "count,visit,text,Count,,integer,",
    'fatigue,visit,checkbox,Fatigue,"-1, Unknown | 1, Yes",,',
    "smoker,visit,yesno,Smoker,,,",
    "intro,visit,descriptive,Read this,,,",
)
COLUMNS = (
    "record_id,redcap_event_name,surname,sex,born,weight,seen,count,fatigue____1,fatigue___1,"
    "smoker,visit_complete"
)
ROW = 'R-1,first_arm_1,Martin,1,1960-04-02,"71,5",2025-01-10 09:30,3,0,1,1,2'


def write_project(
    folder: Path, rows: Sequence[str] = (ROW,), *, fields: Sequence[str] = FIELDS
) -> tuple[Path, Path]:
    """Write data.csv and dictionary.csv; returns both."""
    data, dictionary = folder / "data.csv", folder / "dictionary.csv"
    data.write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    dictionary.write_text("\n".join([HEADER, *fields]) + "\n", encoding="utf-8")
    return data, dictionary
