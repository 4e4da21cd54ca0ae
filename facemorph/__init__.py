"""FaceMorph: turn one face into another with an autoencoder."""
