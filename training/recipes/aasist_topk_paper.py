"""Sparse AASIST (TopK), the grid of widths D = 160, 320 and k = 20, 50, 100, D (arXiv 2510.05696).

Data: ASVspoof 5 train (182,357 clips) and dev. Published for the best, D = 320 and k = 20 (RECIPE):
23.36 % EER and minDCF 0.5807 on the eval set of track 1; dev EER rises as k falls, eval EER falls.
The rest of the table could not be read. Learning rate, batch and epochs are not reported: those of
the ASVspoof 5 AASIST baseline stand here (an assumption). `dD-kD` is the dense one of that width.

    python -m training train aasist_topk_paper --data ASVSPOOF5_FOLDER
    python -m training train aasist_topk_paper:d160-k50 --data ASVSPOOF5_FOLDER
"""

from dataclasses import replace

from training.recipes.aasist_paper import RECIPE as DENSE

RECIPE = replace(DENSE, config={"gat_dims": [64, 64], "k": 20})

VARIANTS = {
    f"d{width}-k{k}": replace(DENSE, config={"gat_dims": [64, width // 5], "k": k})
    for width in (160, 320)
    for k in (20, 50, 100, width)
}
