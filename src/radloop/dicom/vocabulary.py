"""Words of radiology that free text may keep; a word that is not here is taken for somebody's."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*|[23]D")

#: No word that is also a common family name (Long, Young, White, Rose, Hand), and no number: dates are numbers too.
_LIST = """
    2d 3d abdomen abdominal acquisition acute adc adult aec anatomical angio angiography ankle antero anterior aorta
    ap arterial arthro artefact axial axilla axillary b0 baseline bedside biopsy bladder bilateral blood body bolus
    bone bowel brain breast breath bucky calcaneus cardiac carotid catheter cavity cervical chest chronic clavicle
    coccyx colon column contrast coronal coronary cr cranial cta ct ctpa decubitus delay delayed dental detector
    diagnostic diaphragm diffusion disease dixon dorsal dose drain dual dwi dx dynamic echo ecg effusion elbow
    emergency emission enhanced epi erect examination expiration expiratory exposure extremity facial fast fat
    femoral femur fdg fetal fibula film filtered finger flair flex flow fluoroscopy follow foot forearm fracture
    frontal fse gad gadolinium gantry gradient grid head heart helical hepatic hip hires humerus iliac image imaging
    inferior infiltrate inhalation inspiration inspiratory intubation iv kidney knee lat lateral left liver localizer
    lordotic low lower lumbar lung lungs mammo mammography mandible mastoid maxilla medial mediastinum mip mobile mr
    mra mri myocardial native neck neonatal neonate nodule nuclear oblique occipital opaque oral orbit pa paediatric
    palpation pancreas paranasal patella pediatric pelvic pelvis perfusion pet phase plain plane planar pleura
    pleural pneumonia pneumothorax portable portal post posterior postero pre pregnancy projection prone prostate
    proton protocol proximal pt pulmonary pulse radiograph radiography radiology radius rao reconstruction rectum
    recon reformat renal rest rib ribs right sacrum sagittal scan scanogram scapula scout screening semi sequence
    series setup shoulder side sinus skeletal skull slab slice slices soft spin spine spiral spleen standard standing
    stereo sternum stir stress study supine survey swi t1 t1w t2 t2w table temporal tendon test thick thigh thin
    thoracic thorax thumb thyroid tibia tissue tof tomography topogram trachea transverse trauma trunk tse tube tumor
    tumour ulna ultrasound upper upright ureter urinary us uterus vascular vein vena venous ventral ventricle
    vertebra vertebral view views volume weighted whole window with without wrist xray
"""
WORDS = frozenset(_LIST.split())

#: What regions are called besides: in names of regions alone, for elsewhere these words would change stored bytes.
_REGIONS = """
    boost bowelbag brainstem bulb canal chiasm cochlea cord couch ctv cyst duodenum enlarging external fossa gallbladder
    gland gtv hippocampus igtv internal itv lacrimal larynx lens lesion lymph marrow mass metastasis myocardium necrosis
    nerve node nodal oar oedema optic organ organs parotid peritumoral pharynx planning pituitary prv ptv rectal region
    risk roi rtstruct seminal skin stomach submandibular target tongue tract tumors tumours uterine vesicle vessel
    vessels vitreous volumes
"""
REGION_WORDS = WORDS | frozenset(_REGIONS.split())
_NUMBERED = re.compile(r"([a-z]+)\d{0,2}")  # GTV2: two digits tell nobody apart


def cleaned_region(text: str, known: frozenset[str]) -> str:
    """As `cleaned`, for the name of a region or segment: with the words of contouring, numbered or not."""

    def keeps(word: str) -> bool:
        low = word.lower()
        numbered = _NUMBERED.fullmatch(low)
        bare = numbered[1] if numbered else low
        return not {low, bare} & known and not {low, bare}.isdisjoint(REGION_WORDS)

    return " ".join(word for word in _WORD.findall(text) if keeps(word))


def cleaned(text: str, known: frozenset[str]) -> str:
    """The words of `text` that radiology shares with everybody, but for those `known` to name somebody."""
    return " ".join(word for word in _WORD.findall(text) if (low := word.lower()) in WORDS and low not in known)


def tells(text: str, known: frozenset[str]) -> bool:
    """Whether a word of `text` is among those `known` to name somebody."""
    return any(word in known for word in words_of(text))


def words_of(text: str) -> set[str]:
    """The words of a name or number in lower case; fewer than three letters or digits name nobody."""
    return {word for word in re.split(r"[\W_]+", text.casefold()) if len(word) > 2}
