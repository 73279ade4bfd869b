package main

const processVMWritev = 271
