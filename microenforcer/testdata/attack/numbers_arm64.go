package main

const memfdCreate = 279
const bpfCall = 280
