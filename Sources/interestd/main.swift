print("interestd")
