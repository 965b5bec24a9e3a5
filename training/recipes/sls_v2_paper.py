"""XLS-R + SLS, version 2 of the reproduction: chosen by the dev loss, patience 10.

As `sls_v1_paper` otherwise. Published EER of v2 (27 epochs, the 17th): 2021 LA 3.47, 2021 DF 3.75,
In-the-Wild 12.67: a longer training that generalises worse than v1.

    python -m training train sls_v2_paper --data ASVSPOOF2019_FOLDER
"""

from dataclasses import replace

from training.recipe import Selection
from training.recipes.sls_v1_paper import RECIPE as V1

RECIPE = replace(V1, epochs=100, selection=Selection(by="dev_loss", patience=10))
