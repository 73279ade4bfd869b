package main

const processVMWritev = 311
