"""Other engines of ROI features, run as a script by an interpreter that has them: nothing here may import radloop.

Usage: PYTHON oracles.py TASK.json. The task names pairs of NIfTI files and what is done to them; answered is one line
of JSON for each engine that the interpreter has: its name and version, and per pair its seconds and features by tag.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Task = dict[str, Any]
Features = dict[str, float]
MIRP = {
    "2D_avg": ("2d_average", "2d_avg"), "2D_comb": ("2d_slice_merge", "2d_s_mrg"),
    "2_5D_avg": ("2.5d_direction_merge", "2.5d_d_mrg"), "2_5D_comb": ("2.5d_volume_merge", "2.5d_v_mrg"),
    "3D_avg": ("3d_average", "3d_avg"), "3D_comb": ("3d_volume_merge", "3d_v_mrg"),
}  # fmt: skip
ZRAD = {
    "2D_avg": ("2D", "AVER"), "2D_comb": ("2D", "SLICE_MERG"), "2_5D_avg": ("2.5D", "DIR_MERG"),
    "2_5D_comb": ("2.5D", "MERG"), "3D_avg": ("3D", "AVER"), "3D_comb": ("3D", "MERG"),
}  # fmt: skip
#: What nyxus calls the features, by family; its textures in space are averages over directions.
NYXUS = {
    "morph_{}": "MESH_VOLUME volume VOXEL_VOLUME vol_approx AREA area_mesh AREA_2_VOLUME av COMPACTNESS1 comp_1 "
    "COMPACTNESS2 comp_2 SPHERICAL_DISPROPORTION sph_dispr SPHERICITY sphericity MAJOR_AXIS_LEN pca_maj_axis "
    "MINOR_AXIS_LEN pca_min_axis LEAST_AXIS_LEN pca_least_axis ELONGATION pca_elongation FLATNESS pca_flatness",
    "stat_{}": "MEAN mean VARIANCE_BIASED var SKEWNESS skew EXCESS_KURTOSIS kurt MEDIAN median MIN min P10 p10 P90 p90 "
    "MAX max INTERQUARTILE_RANGE iqr RANGE range MEAN_ABSOLUTE_DEVIATION mad ROBUST_MEAN_ABSOLUTE_DEVIATION rmad "
    "MEDIAN_ABSOLUTE_DEVIATION medad COV cov QCOD qcod ENERGY energy ROOT_MEAN_SQUARED rms",
    "ih_{}": "MODE mode ENTROPY entropy UNIFORMITY uniformity",
    "cm_{}_3D_avg": "GLCM_JMAX_AVE joint_max GLCM_JAVE_AVE joint_avg GLCM_JVAR_AVE joint_var GLCM_JE_AVE joint_entr "
    "GLCM_DIFAVE_AVE diff_avg GLCM_DIFVAR_AVE diff_var GLCM_DIFENTRO_AVE diff_entr GLCM_SUMAVERAGE_AVE sum_avg "
    "GLCM_SUMVARIANCE_AVE sum_var GLCM_SUMENTROPY_AVE sum_entr GLCM_ASM_AVE energy GLCM_CONTRAST_AVE contrast "
    "GLCM_DIS_AVE dissimilarity GLCM_ID_AVE inv_diff GLCM_IDN_AVE inv_diff_norm GLCM_IDM_AVE inv_diff_mom "
    "GLCM_IDMN_AVE inv_diff_mom_norm GLCM_IV_AVE inv_var GLCM_CORRELATION_AVE corr GLCM_ACOR_AVE auto_corr "
    "GLCM_CLUTEND_AVE clust_tend GLCM_CLUSHADE_AVE clust_shade GLCM_CLUPROM_AVE clust_prom GLCM_INFOMEAS1_AVE "
    "info_corr1 GLCM_INFOMEAS2_AVE info_corr2",
    "rlm_{}_3D_avg": "GLRLM_SRE_AVE sre GLRLM_LRE_AVE lre GLRLM_LGLRE_AVE lgre GLRLM_HGLRE_AVE hgre GLRLM_SRLGLE_AVE "
    "srlge GLRLM_SRHGLE_AVE srhge GLRLM_LRLGLE_AVE lrlge GLRLM_LRHGLE_AVE lrhge GLRLM_GLN_AVE glnu GLRLM_GLNN_AVE "
    "glnu_norm GLRLM_RLN_AVE rlnu GLRLM_RLNN_AVE rlnu_norm GLRLM_RP_AVE r_perc GLRLM_GLV_AVE gl_var GLRLM_RV_AVE "
    "rl_var GLRLM_RE_AVE rl_entr",
    "szm_{}_3D": "GLSZM_SAE sze GLSZM_LAE lze GLSZM_LGLZE lgze GLSZM_HGLZE hgze GLSZM_SALGLE szlge GLSZM_SAHGLE szhge "
    "GLSZM_LALGLE lzlge GLSZM_LAHGLE lzhge GLSZM_GLN glnu GLSZM_GLNN glnu_norm GLSZM_SZN zsnu GLSZM_SZNN zsnu_norm "
    "GLSZM_ZP z_perc GLSZM_GLV gl_var GLSZM_ZV zs_var GLSZM_ZE zs_entr",
    "dzm_{}_3D": "GLDZM_SDE sde GLDZM_LDE lde GLDZM_LGLZE lgze GLDZM_HGLZE hgze GLDZM_SDLGLE sdlge GLDZM_SDHGLE sdhge "
    "GLDZM_LDLGLE ldlge GLDZM_LDHGLE ldhge GLDZM_GLNU glnu GLDZM_GLNUN glnu_norm GLDZM_ZDNU zdnu GLDZM_ZDNUN "
    "zdnu_norm GLDZM_ZP z_perc GLDZM_GLV gl_var GLDZM_ZDV zd_var GLDZM_ZDE zd_entr",
    "ngt_{}_3D": "NGTDM_COARSENESS coarseness NGTDM_CONTRAST contrast NGTDM_BUSYNESS busyness NGTDM_COMPLEXITY "
    "complexity NGTDM_STRENGTH strength",
    "ngl_{}_3D": "GLDM_SDE lde GLDM_LDE hde GLDM_LGLE lgce GLDM_HGLE hgce GLDM_SDLGLE ldlge GLDM_SDHGLE ldhge "
    "GLDM_LDLGLE hdlge GLDM_LDHGLE hdhge GLDM_GLN glnu GLDM_DN dcnu GLDM_DNN dcnu_norm GLDM_GLV gl_var GLDM_DV dc_var "
    "GLDM_DE dc_entr NGLDM_DCP dc_perc NGLDM_DCENE dc_energy",
}


def by_mirp(image: str, mask: str, task: Task) -> Features:
    """MIRP, once for each aggregation, for it takes one."""
    from mirp import extract_features

    found: Features = {}
    # by itself it smooths before it resamples, which the standard leaves open and the others do not
    knobs: Task = {"new_spacing": task["spacing"], "anti_aliasing": False}
    knobs["resegmentation_intensity_range"] = task["range"]
    # whole numbers are levels of the intensity-volume histogram only where it knows them to be HU
    knobs["image_modality"] = "ct" if task["ivh"] == "none" else None
    knobs["resegmentation_sigma"] = task["outliers"]
    methods = (["range"] if task["range"] else []) + (["sigma"] if task["outliers"] else [])
    knobs["resegmentation_method"] = methods or None
    bins = {"n_bins": task["bins"]} if task["how"] == "fbn" else {"bin_width": task["width"]}
    way = {"fbn": "fixed_bin_number", "fbs": "fixed_bin_size_pyradiomics"}[task["how"]]
    if task["how"] == "fbs" and task["width"] == 1:
        way, bins = "none", {}
    for one in task["aggregations"]:
        method, ending = MIRP[one]
        space = method.partition("_")[0]
        table = extract_features(
            image=image, mask=mask, base_feature_families="all", base_discretisation_method=way,
            glcm_spatial_method=method, glrlm_spatial_method=method, glszm_spatial_method=space,
            gldzm_spatial_method=space, ngtdm_spatial_method=space, ngldm_spatial_method=space,
            ivh_discretisation_method=task["ivh"], **({f"base_discretisation_{k}": v for k, v in bins.items()}),
            **{key: value for key, value in knobs.items() if value is not None},
        )[0]  # fmt: skip
        for name, value in table.iloc[0].items():
            tag = re.sub(r"_fb[ns]_[nw][\d.]+|_d1(?=_|$)|_a0\.0", "", str(name))
            tag = re.sub(rf"_{re.escape(ending)}$", f"_{one}", tag)
            tag = re.sub(rf"_{re.escape(space)}$", f"_{one.rpartition('_')[0]}", tag)
            if not isinstance(value, str) and value is not None:
                found[tag] = float(value)
    return found


def by_zrad(image: str, mask: str, task: Task) -> Features:
    """Z-Rad; the region's preparation once, then each aggregation."""
    import numpy as np
    from zrad import preprocessing as steps
    from zrad.image import Image
    from zrad.radiomics import Radiomics

    read = Image.from_nifti(image)
    region = steps.RoiData(image=read, morphological_mask=Image.from_nifti_mask(mask, reference=read))
    chain: list[Any] = []
    if task["spacing"]:
        chain.append(steps.ImageResampler(task["spacing"], "cubic_spline"))
        chain.append(steps.MaskResampler(task["spacing"], "linear"))
    for step in [*chain, steps.IntensityMaskBuilder()]:
        region = step.apply(region)
    bounds = task["range"]
    if task["how"] == "fbs" and not bounds:
        seen = region.intensity_mask.array
        bounds = (float(np.nanmin(seen)), float(np.nanmax(seen)))
    if bounds or task["outliers"]:
        region = steps.Resegmenter(bounds and tuple(bounds), task["outliers"]).apply(region)
    bins: Task = {"number_of_bins": task["bins"]} if task["how"] == "fbn" else {"bin_size": task["width"]}
    region = steps.TextureDiscretizer(**bins).apply(region)
    direct = task["ivh"] == "none"
    histogram: Task = {"method": "direct"} if direct else {"method": "fixed_bin_number", "number_of_bins": 1000}
    region = steps.IVHIntensityDiscretizer(**histogram).apply(region)
    found: Features = {}
    for one in task["aggregations"]:
        space, method = ZRAD[one]
        engine = Radiomics(aggr_dim=space, aggr_method=method)
        found |= {tag: float(value) for tag, value in engine.extract_features(region, families="all").items()}
    return found


def by_nyxus(image: str, mask: str, task: Task) -> Features:
    """Nyxus, in space; it resamples nothing."""
    from nyxus import Nyxus3D

    engine = Nyxus3D(["*3D_ALL*"], ibsi=True, coarse_gray_depth=task["bins"], n_feature_calc_threads=1)
    row = engine.featurize_files([image], [mask], False).iloc[0]
    found: Features = {}
    for pattern, names in NYXUS.items():
        words = names.split()
        found |= {
            pattern.format(ours): float(row[f"3{its}"]) for its, ours in zip(words[::2], words[1::2], strict=True)
        }
    return found


def by_pycerr(image: str, mask: str, task: Task) -> Features:
    """pyCERR, on the arrays alone: slices apart it does not know, and it resamples nothing here."""
    import numpy as np
    import SimpleITK as sitk
    from cerr.radiomics import ibsi1

    families, names = ibsi1.getIBSINameMap()
    names |= {"sizeZoneNonUniformity": "zsnu", "sizeZoneNonUniformityNorm": "zsnu_norm"}
    names |= {"highGrayLevelZoneEmphasis": "hgze", "robustMeanAbsDev": "rmad"}
    read = sitk.ReadImage(image)
    values = sitk.GetArrayFromImage(read).astype(float).transpose(1, 2, 0)
    inside = sitk.GetArrayFromImage(sitk.ReadImage(mask)).astype(bool).transpose(1, 2, 0)
    cut = tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(inside))
    values, inside = values[cut], inside[cut]
    spacing = np.array(read.GetSpacing()) / 10  # it thinks in centimetres
    along = (values.shape[1], values.shape[0], values.shape[2])
    grid: Task = {f"{x}ValsV": np.arange(n) * s for x, n, s in zip("xyz", along, spacing, strict=True)}
    bins = {"binNum": task["bins"]} if task["how"] == "fbn" else {"binwidth": task["width"]}
    found: Features = {}
    for one in (one for one in task["aggregations"] if not one.startswith("2D")):
        space, _, merging = one.rpartition("_")
        flat = space != "3D"
        texture = {
            "patchRadiusVox": [1, 1, 0 if flat else 1], "imgDiffThresh": 0, "voxelOffset": 1, **bins,
            "directionality": "2D" if flat else "3D", "avgType": "feature" if merging == "avg" else "texture",
        }  # fmt: skip
        knobs = {
            "settings": {"firstOrder": {"offsetForEnergy": 0, "binWidthEntropy": 1}, "shape": {}, "texture": texture},
            "featureClass": {family: {"featureList": "all"} for family in families},
        }
        its = grid | {"PixelSpacingV": spacing}
        for family, features in ibsi1.calcRadiomicsForImgType(values.copy(), inside, inside, its, knobs).items():
            ending = {"glcm": f"_{one}", "glrlm": f"_{one}", "shape": "", "firstOrder": ""}.get(family, f"_{space}")
            for name, value in features.items():
                tag = f"{families[family]}_{names.get(name, name)}".replace("morph_morph", "morph")
                found[tag + ending] = float(np.mean(value))
    return found


ENGINES: dict[str, tuple[str, Callable[[str, str, Task], Features]]] = {
    "mirp": ("mirp", by_mirp), "z-rad": ("zrad", by_zrad), "nyxus": ("nyxus", by_nyxus), "pycerr": ("cerr", by_pycerr),
}  # fmt: skip


def measured(compute: Callable[[str, str, Task], Features], task: Task) -> Iterator[dict[str, Any]]:
    """Seconds and features of each pair, after one to warm up."""
    with contextlib.redirect_stdout(io.StringIO()):
        first, its_mask = task["pairs"][0]
        compute(first, its_mask, task)
        for image, mask in task["pairs"]:
            began = time.perf_counter()
            features = compute(image, mask, task)
            yield {"seconds": time.perf_counter() - began, "features": features}


def main(path: str) -> None:
    """Answer a task with a line for each engine at hand."""
    task = json.loads(Path(path).read_text())
    for name, (module, compute) in ENGINES.items():
        if importlib.util.find_spec(module) is None:
            continue
        version = importlib.metadata.version(name)
        try:
            answer: dict[str, Any] = {"pairs": list(measured(compute, task))}
        except Exception as error:  # another's engine may fail in any way; that is a finding, and the others go on
            answer = {"failed": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps({"engine": name, "version": version, **answer}) + "\n")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # of the engines, which tell each step
    main(sys.argv[1])
