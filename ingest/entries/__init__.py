"""Finding the questions of a document: features, convention, segmentation, layout of each entry."""
