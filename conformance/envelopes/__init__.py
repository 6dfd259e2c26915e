"""How far a conforming float32 result may be from the exact one, with derivations."""
