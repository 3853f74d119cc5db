"""What is fetched once and kept in the cache folder.

In: nothing, or a file of the user's. Out: photos of COCO, and the weights of VGG16.
"""
