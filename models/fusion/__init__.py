"""Text, picture and numbers of one product -> its category, with whichever of them there are."""
