package main

func removeTools() {}
